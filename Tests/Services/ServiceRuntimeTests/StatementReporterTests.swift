import Foundation
import Logging
import NIOCore
import Postgres
import RPC
import Synchronization
import Telemetry
import Testing

@testable import ServiceRuntime

@Suite struct StatementReporterTests {
  /// Keeps lines and spans.
  private final class Record: SpanSink {
    private let bytes = Mutex<[UInt8]>([])
    private let taken = Mutex<[Span]>([])

    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
    var spans: [Span] { taken.withLock { $0 } }

    func append(_ line: [UInt8]) { bytes.withLock { $0 += line } }
    func take(_ span: Span) { taken.withLock { $0.append(span) } }
  }

  /// Some work with a trace.
  private final class Work: CallParent {
    let deadline: Deadline? = nil
    let trace: TraceContext?

    init(_ trace: TraceContext) { self.trace = trace }
  }

  private let record = Record()
  private let registry = MetricRegistry()

  private func reporter(_ level: Logger.Level) -> StatementReporter {
    StatementReporter(
      slowAfter: .milliseconds(200), metrics: registry,
      tracer: Tracer(.init(ratio: 1, followsParent: true), sink: record),
      logger: Logger(label: "auth") { [record] in
        JSONLogHandler(label: $0, logLevel: level, write: { line, _ in record.append(line) })
      })
  }

  private func report(
    _ sql: String, milliseconds: Int64, origin: (any AnyObject & Sendable)? = nil,
    error: PostgresError? = nil
  ) -> StatementReport {
    StatementReport(
      sql: sql, started: .now(), duration: .milliseconds(milliseconds), rowCount: 3, error: error,
      origin: origin)
  }

  @Test func aSlowStatementIsAWarningAndOthersAreNot() {
    let reporter = reporter(.info)
    reporter.ended(report("SELECT 1", milliseconds: 200))
    #expect(record.text.isEmpty)
    reporter.ended(report("SELECT id\n  FROM accounts\n WHERE email = $1", milliseconds: 201))
    #expect(record.text.contains("\"level\":\"warning\""))
    #expect(record.text.contains("\"sql\":\"SELECT id FROM accounts WHERE email = $1\""))
    #expect(record.text.contains("\"milliseconds\":\"201.0\""))
    #expect(record.text.contains("\"rows\":\"3\""))
    #expect(registry.page().contains("postgres_statements_slow_total 1\n"))
  }

  @Test func everyStatementIsALineForDebugging() {
    reporter(.debug).ended(report("DELETE FROM sessions", milliseconds: 1))
    #expect(record.text.contains("\"level\":\"debug\""))
    #expect(record.text.contains("DELETE FROM sessions"))
  }

  @Test func statementsAreCountedByWhatTheyDoAndHowTheyEnd() {
    let reporter = reporter(.info)
    reporter.ended(report("INSERT INTO outbox (event) VALUES ($1)", milliseconds: 1))
    reporter.ended(report("COMMIT", milliseconds: 1, error: .poolExhausted))
    let page = registry.page()
    let count = "postgres_statement_duration_seconds_count"
    #expect(page.contains("\(count){operation=\"INSERT\",outcome=\"ok\"} 1\n"))
    #expect(page.contains("\(count){operation=\"COMMIT\",outcome=\"exhausted\"} 1\n"))
  }

  @Test func aFullStorageIsToldOnceUntilAWriteFindsRoom() {
    let reporter = reporter(.info)
    for _ in 1...3 {
      reporter.ended(report("INSERT INTO outbox", milliseconds: 1, error: .storageFull))
    }
    // It reads as well as before.
    reporter.ended(report("SELECT 1", milliseconds: 1))
    #expect(reporter.isStorageFull)
    #expect(record.text.components(separatedBy: "storage is full").count == 2)
    let count = "postgres_statement_duration_seconds_count"
    #expect(
      registry.page().contains("\(count){operation=\"INSERT\",outcome=\"storage_full\"} 3\n"))
    reporter.ended(report("UPDATE accounts SET email = $1", milliseconds: 1))
    #expect(!reporter.isStorageFull)
    #expect(record.text.contains("has room again"))
  }

  @Test func aStatementIsPartOfItsTrace() throws {
    let tracer = Tracer(.init(ratio: 1, followsParent: true), sink: record)
    let work = Work(tracer.serverContext(nil))
    let reporter = reporter(.debug)
    CallScope.$current.withValue(work) {
      reporter.ended(report("SELECT 1", milliseconds: 1, origin: reporter.origin()))
    }
    let trace = try #require(work.trace)
    let span = try #require(record.spans.first)
    #expect(span.context.traceID == trace.traceID)
    #expect(span.context.parentSpanID == trace.spanID)
    #expect(span.name == "SELECT postgresql")
    #expect(record.text.contains("\"trace\":\"\(trace.traceID)\""))
  }
}
