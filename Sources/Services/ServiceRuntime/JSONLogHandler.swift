import Encodings
import FoundationEssentials
import Glibc
package import Logging
import Synchronization

/// Writes each log record as one line of JSON to standard error.
///
/// Everything that comes from outside is escaped, so that no user agent can forge a second line.
package struct JSONLogHandler: LogHandler {
  /// Longer messages and values are cut.
  static let valueBytesMax = 8 << 10

  package var logLevel: Logger.Level
  package var metadata: Logger.Metadata = [:]
  package var metadataProvider: Logger.MetadataProvider?
  private let label: String
  private let write: @Sendable (_ line: [UInt8], _ isUrgent: Bool) -> Void

  package init(
    label: String, logLevel: Logger.Level,
    write: @escaping @Sendable (_ line: [UInt8], _ isUrgent: Bool) -> Void = {
      LineWriter.standardError.write($0, isUrgent: $1)
    }
  ) {
    self.label = label
    self.logLevel = logLevel
    self.write = write
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var line = JSONLine()
    line.append("time", LogTime.text())
    line.append("level", event.level.rawValue)
    line.append("logger", label)
    line.append("message", event.message.description)
    var fields = metadata
    if let provided = metadataProvider?.get() { fields.merge(provided) { _, new in new } }
    if let own = event.metadata { fields.merge(own) { _, new in new } }
    if let error = event.error { fields["error"] = "\(error)" }
    if !fields.isEmpty { line.append("fields", .dictionary(fields)) }
    write(line.finished(), event.level >= .warning)
  }
}

/// The time of a log line, RFC 3339 in UTC with milliseconds.
///
/// The calendar is asked once a second: asking it takes longer than the rest of the line.
enum LogTime {
  private struct Second {
    var number = Int.min
    /// Up to the seconds, without `Z`.
    var text = ""
  }

  private static let last = Mutex(Second())
  private static let format = Date.ISO8601FormatStyle()

  static func text() -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return text(seconds: now.tv_sec, milliseconds: now.tv_nsec / 1_000_000)
  }

  static func text(seconds: Int, milliseconds: Int) -> String {
    let second = last.withLock { last in
      if last.number != seconds {
        let date = Date(timeIntervalSince1970: TimeInterval(seconds))
        last = Second(number: seconds, text: String(date.formatted(format).dropLast()))
      }
      return last.text
    }
    let zeros = milliseconds < 10 ? "00" : milliseconds < 100 ? "0" : ""
    return "\(second).\(zeros)\(milliseconds)Z"
  }
}

/// One JSON object on one line, built field by field.
struct JSONLine {
  private var bytes: [UInt8] = [UInt8(ascii: "{")]

  mutating func append(_ key: String, _ value: String) {
    append(key, .string(value))
  }

  mutating func append(_ key: String, _ value: Logger.MetadataValue) {
    appendKey(key)
    appendValue(value)
  }

  func finished() -> [UInt8] { bytes + "}\n".utf8 }

  private mutating func appendKey(_ key: String) {
    if bytes.last != UInt8(ascii: "{") { bytes.append(UInt8(ascii: ",")) }
    appendQuoted(key)
    bytes.append(UInt8(ascii: ":"))
  }

  private mutating func appendValue(_ value: Logger.MetadataValue) {
    switch value {
    case .string(let text): appendQuoted(text)
    case .stringConvertible(let value): appendQuoted(value.description)
    case .array(let values):
      bytes.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        appendValue(value)
      }
      bytes.append(UInt8(ascii: "]"))
    case .dictionary(let fields):
      bytes.append(UInt8(ascii: "{"))
      for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
        appendKey(key)
        appendValue(value)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  private mutating func appendQuoted(_ text: String) {
    JSONText.append(text, to: &bytes, bytesMax: JSONLogHandler.valueBytesMax)
  }
}
