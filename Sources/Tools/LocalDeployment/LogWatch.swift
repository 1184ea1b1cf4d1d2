import Synchronization

/// Watches a service's log for warnings and errors and tells the terminal how many there were,
/// at most once per interval, so that nobody has to follow the file to learn that it matters.
final class LogWatch: Sendable {
  static let interval: Duration = .seconds(10)
  /// A longer line without an end is judged by its beginning.
  private static let lineBytesMax = 8_192

  private struct State {
    var line: [UInt8] = []
    var warnings = 0
    var errors = 0
    var lastReport: ContinuousClock.Instant?
  }
  private let state = Mutex(State())
  private let service: String
  private let path: String
  private let report: @Sendable (String) -> Void

  init(service: String, path: String, report: @escaping @Sendable (String) -> Void) {
    (self.service, self.path, self.report) = (service, path, report)
  }

  func observe(_ bytes: [UInt8], at now: ContinuousClock.Instant = .now) {
    let message = state.withLock { state -> String? in
      for byte in bytes {
        if byte == UInt8(ascii: "\n") {
          judge(&state)
        } else if state.line.count < Self.lineBytesMax {
          state.line.append(byte)
        }
      }
      if let last = state.lastReport, now - last < Self.interval { return nil }
      return takeSummary(&state, at: now)
    }
    if let message { report(message) }
  }

  /// Tells what has not been told yet.
  func finish() {
    let message = state.withLock { takeSummary(&$0, at: .now) }
    if let message { report(message) }
  }

  private func judge(_ state: inout State) {
    defer { state.line.removeAll(keepingCapacity: true) }
    switch Self.severity(of: String(decoding: state.line, as: UTF8.self)) {
    case .warning: state.warnings += 1
    case .error: state.errors += 1
    case .other: break
    }
  }

  private func takeSummary(_ state: inout State, at now: ContinuousClock.Instant) -> String? {
    let counts = [(state.errors, "error"), (state.warnings, "warning")]
      .filter { $0.0 > 0 }
      .map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
    guard !counts.isEmpty else { return nil }
    (state.warnings, state.errors, state.lastReport) = (0, 0, now)
    return "\(service): \(counts.joined(separator: ", ")); see \(path)"
  }

  enum Severity { case warning, error, other }

  /// Understands swift-log's plain lines (`… error vault : …`), JSON (`"level":"error"`) and what
  /// the Swift runtime prints when it traps.
  static func severity(of line: String) -> Severity {
    let head = line.prefix(200)
    if head.contains("\"level\":") {
      if head.contains("\"level\":\"error\"") || head.contains("\"level\":\"critical\"") {
        return .error
      }
      return head.contains("\"level\":\"warning\"") ? .warning : .other
    }
    if line.contains("Fatal error") { return .error }
    for word in head.split(separator: " ").prefix(4) {
      switch word.trimmingSuffix(":") {
      case "error", "critical": return .error
      case "warning": return .warning
      default: continue
      }
    }
    return .other
  }
}

extension Substring {
  fileprivate func trimmingSuffix(_ character: Character) -> Substring {
    last == character ? dropLast() : self
  }
}
