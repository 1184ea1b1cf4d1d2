import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// A provider on a port of the kernel's choice: keeps what it was sent and answers as told.
final class TestUpstream: Sendable {
  struct Received: Sendable {
    let method: String
    let path: String
    let headers: HTTPFields
    let body: String
  }

  typealias Answer = @Sendable (Request) async throws -> Response

  let port: Int
  private let received = Mutex<[Received]>([])

  var requests: [Received] { received.withLock { $0 } }

  private init(port: Int) {
    self.port = port
  }

  /// Runs `body` beside an upstream; `answer` gets requests whose body has been read.
  static func run<Result: Sendable>(
    _ answer: @escaping Answer, _ body: @escaping @Sendable (TestUpstream) async throws -> Result
  ) async throws -> Result {
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let upstreams = Mutex<TestUpstream?>(nil)
    let application = Application(
      responder: CallbackResponder { (request: Request, _: BasicRequestContext) in
        let bytes = try await request.body.collect(upTo: 1 << 26)
        upstreams.withLock { upstream in
          upstream?.received.withLock { received in
            received.append(
              Received(
                method: request.method.rawValue, path: request.uri.string,
                headers: request.headers, body: String(buffer: bytes)))
          }
        }
        return try await answer(request)
      },
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { port.yield($0.localAddress?.port ?? 0) },
      eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
      logger: Logger(label: "upstream") { _ in SwiftLogNoOpLogHandler() })
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await application.run() }
      guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
      let upstream = TestUpstream(port: port)
      upstreams.withLock { $0 = upstream }
      defer { tasks.cancelAll() }
      return try await body(upstream)
    }
  }
}
