import Logging
import NIOCore
import RPC
import RPCInProcess
import Synchronization

/// Keeps what is logged.
final class LogLines: Sendable {
  struct Line: Sendable {
    let level: Logger.Level
    let fields: Logger.Metadata

    func text(_ field: String) -> String? { fields[field].map { "\($0)" } }
  }

  private struct Handler: LogHandler {
    let lines: LogLines
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let line = Line(level: event.level, fields: event.metadata ?? [:])
      lines.storage.withLock { $0.append(line) }
    }
  }

  private let storage = Mutex<[Line]>([])

  var all: [Line] { storage.withLock { $0 } }

  func logger(_ level: Logger.Level) -> Logger {
    Logger(label: "test") { _ in Handler(lines: self, logLevel: level) }
  }
}

/// A unary method behind interceptors.
struct InterceptorCase: RPCService {
  static let method = MethodDescriptor(service: "a.B", method: "C", shape: .unary)

  let answer: MethodHandler.Unary

  var methodHandlers: [MethodHandler] { [MethodHandler(Self.method, .unary(answer))] }

  /// Calls it once; what it answers, as text.
  static func call(
    _ interceptors: [any ServerInterceptor], metadata: Metadata = Metadata(),
    peer: Peer = Peer(address: "192.0.2.1:40000"),
    _ answer: @escaping @Sendable (ServerContext) async throws -> String = { _ in "" }
  ) async throws(RPCError) -> String {
    let channel = InProcessChannel(
      services: [
        InterceptorCase { _, context in ByteBuffer(string: try await answer(context)) }
      ], interceptors: interceptors, peer: peer)
    let response = try await channel.unary(
      method, request: ByteBuffer(), options: CallOptions(metadata: metadata))
    return String(buffer: response.message)
  }
}

extension Metadata {
  init(texts: KeyValuePairs<String, String>) throws {
    self.init()
    for (key, value) in texts { try append(value, forKey: key) }
  }
}
