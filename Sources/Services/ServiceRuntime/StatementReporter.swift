import CoreMetrics
import Logging
import NIOCore
import Postgres
import RPC
import Synchronization
import Telemetry

/// Counts statements, writes them to the log and makes spans of them: their SQL, in which values
/// are `$1`, `$2`, …, their time and their rows. Parameters are never shown.
final class StatementReporter: StatementObserver {
  /// Longer SQL is cut, in bytes.
  static let sqlBytesMax = 1_000

  private let logger: Logger
  private let logLevel: Logger.Level
  private let slowAfter: TimeAmount
  private let tracer: Tracer?
  private let slow: any CounterHandler
  private let timers: [[any TimerHandler]]
  private let isFull = Atomic(false)

  /// - Parameter slowAfter: a statement that takes longer is a warning.
  init(
    slowAfter: Duration, metrics: MetricRegistry, tracer: Tracer?, logger: Logger
  ) {
    self.slowAfter = TimeAmount(slowAfter)
    self.tracer = tracer
    self.logger = logger
    logLevel = logger.logLevel
    slow = metrics.makeCounter(label: "postgres.statements.slow", dimensions: [])
    timers = Operation.allCases.map { operation in
      Outcome.allCases.map { outcome in
        metrics.makeTimer(
          label: "postgres.statement.duration",
          dimensions: [("operation", operation.name), ("outcome", outcome.name)])
      }
    }
  }

  /// Whether the last write found no room.
  var isStorageFull: Bool { isFull.load(ordering: .relaxed) }

  func origin() -> (any AnyObject & Sendable)? { CallScope.current }

  func ended(_ report: StatementReport) {
    let operation = Operation(report.sql)
    let outcome = Outcome(report.error)
    timers[operation.rawValue][outcome.rawValue]
      .recordNanoseconds(report.duration.nanoseconds)
    noteRoom(operation, outcome)
    let isSlow = report.duration > slowAfter
    if isSlow { slow.increment(by: 1) }
    if isSlow || logLevel <= .debug { log(report, isSlow: isSlow) }
    guard let tracer, let trace = (report.origin as? any CallParent)?.trace, trace.isSampled else {
      return
    }
    tracer.end(
      trace.child(), .client, started: report.started, isError: report.error != nil,
      name: "\(operation.name) postgresql",
      [
        SpanAttribute("db.system.name", "postgresql"),
        SpanAttribute("db.operation.name", operation.name),
        SpanAttribute("db.query.text", Self.shape(of: report.sql)),
        SpanAttribute("db.response.returned_rows", report.rowCount),
      ])
  }

  /// One line when the room ends, and one when there is some again.
  private func noteRoom(_ operation: Operation, _ outcome: Outcome) {
    if outcome == .storageFull {
      guard !isFull.exchange(true, ordering: .relaxed) else { return }
      logger.error("the database's storage is full: what would write is refused")
    } else if outcome == .ok, operation.writes, isStorageFull {
      isFull.store(false, ordering: .relaxed)
      logger.notice("the database's storage has room again")
    }
  }

  private func log(_ report: StatementReport, isSlow: Bool) {
    var fields: Logger.Metadata = [
      "sql": "\(Self.shape(of: report.sql))", "rows": "\(report.rowCount)",
      "milliseconds": "\(Double(report.duration.nanoseconds / 1_000) / 1_000)",
    ]
    if let trace = (report.origin as? any CallParent)?.trace {
      fields["trace"] = "\(trace.traceID)"
    }
    if report.error != nil { fields["outcome"] = "\(Outcome(report.error).name)" }
    logger.log(
      level: isSlow ? .warning : .debug, isSlow ? "slow statement" : "statement",
      metadata: fields)
  }

  /// On one line.
  static func shape(of sql: String) -> String {
    let words = sql.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
    let line = words.map { String(Substring($0)) }.joined(separator: " ")
    return line.utf8.count <= sqlBytesMax
      ? line : String(decoding: line.utf8.prefix(sqlBytesMax), as: UTF8.self) + "…"
  }

  /// What a statement does, by its first letter: the first words of ours differ in it.
  private enum Operation: Int, CaseIterable {
    case select, insert, update, delete, commit, rollback, with, other

    init(_ sql: String) {
      self =
        switch sql.utf8.first {
        case UInt8(ascii: "S"): .select
        case UInt8(ascii: "I"): .insert
        case UInt8(ascii: "U"): .update
        case UInt8(ascii: "D"): .delete
        case UInt8(ascii: "C"): .commit
        case UInt8(ascii: "R"): .rollback
        case UInt8(ascii: "W"): .with
        default: .other
        }
    }

    /// Whether its success shows that there is room. Not COMMIT: a transaction that only read has
    /// one too.
    var writes: Bool { [.insert, .update, .delete].contains(self) }

    var name: String {
      self == .other ? "other" : "\(self)".uppercased()
    }
  }

  private enum Outcome: Int, CaseIterable {
    case ok, cancelled, unavailable, exhausted, storageFull, failed

    init(_ error: PostgresError?) {
      guard let error else {
        self = .ok
        return
      }
      if case .poolExhausted = error {
        self = .exhausted
        return
      }
      self =
        switch error.kind {
        case .cancelled: .cancelled
        case .unavailable: .unavailable
        case .storageFull: .storageFull
        case .broken: .failed
        }
    }

    var name: String { self == .storageFull ? "storage_full" : "\(self)" }
  }
}
