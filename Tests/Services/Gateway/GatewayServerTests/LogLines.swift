import Logging
import Synchronization

/// Keeps what is logged: each message with its fields.
final class LogLines: Sendable {
  struct Line: Sendable {
    let message: String
    let fields: Logger.Metadata

    func text(_ field: String) -> String? { fields[field].map { "\($0)" } }
  }

  private struct Handler: LogHandler {
    let lines: LogLines
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let fields = metadata.merging(event.metadata ?? [:]) { _, own in own }
      lines.storage.withLock { $0.append(Line(message: "\(event.message)", fields: fields)) }
    }
  }

  private let storage = Mutex<[Line]>([])

  var all: [Line] { storage.withLock { $0 } }

  var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }
}
