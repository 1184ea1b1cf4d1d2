import Foundation
import Synchronization

/// A log that cannot fill the disk: past `bytesMax` it becomes `<path>.1` and starts anew.
package final class LogFile: Sendable {
  package static let bytesMaxDefault = 16 << 20

  package let path: String
  private let bytesMax: Int

  private struct State {
    var descriptor: Int32
    var bytes: Int
  }
  private let state: Mutex<State>

  /// Opens for appending with mode 0600.
  package init(path: String, bytesMax: Int = LogFile.bytesMaxDefault) throws {
    self.path = path
    self.bytesMax = bytesMax
    let descriptor = Self.open(path)
    guard descriptor >= 0 else { throw SecretFile.failure(path) }
    state = Mutex(State(descriptor: descriptor, bytes: Int(lseek(descriptor, 0, SEEK_END))))
  }

  deinit { state.withLock { _ = close($0.descriptor) } }

  /// Appends; a full or failing disk loses log lines, never the service that wrote them.
  package func append(_ bytes: [UInt8]) {
    state.withLock { state in
      if state.bytes > 0, state.bytes + bytes.count > bytesMax { rotate(&state) }
      state.bytes += max(0, write(state.descriptor, bytes, bytes.count))
    }
  }

  private func rotate(_ state: inout State) {
    guard rename(path, path + ".1") == 0 else { return }
    let descriptor = Self.open(path)
    guard descriptor >= 0 else { return }
    close(state.descriptor)
    state = State(descriptor: descriptor, bytes: 0)
  }

  private static func open(_ path: String) -> Int32 {
    Foundation.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
  }
}

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

/// The last bytes that a service printed, for the message when it does not come up.
final class OutputTail: Sendable {
  private static let bytesMax = 4_096
  private static let linesMax = 12
  private let bytes = Mutex<[UInt8]>([])
  private let closed = Mutex(false)

  /// True once there will be no more output.
  var isClosed: Bool { closed.withLock { $0 } }

  func close() { closed.withLock { $0 = true } }

  func append(_ chunk: [UInt8]) {
    bytes.withLock { bytes in
      bytes += chunk
      bytes.removeFirst(max(0, bytes.count - Self.bytesMax))
    }
  }

  var text: String {
    let text = bytes.withLock { String(decoding: $0, as: UTF8.self) }
    return text.split(separator: "\n").suffix(Self.linesMax).joined(separator: "\n")
  }
}
