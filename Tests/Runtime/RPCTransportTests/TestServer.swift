import LocalDeployment
import Logging
import NIOCore
import NIOPosix
import RPC
import RPCTransport
import Synchronization
import TLS
import TestSupport

/// A service made of closures, one per method name.
struct TestService: RPCService {
  static let name = "test.Service"
  var handlers: [String: MethodHandler.Unary]

  var methodHandlers: [MethodHandler] {
    handlers.map { MethodHandler(Self.method($0.key), .unary($0.value)) }
  }

  static func method(_ name: String) -> MethodDescriptor {
    MethodDescriptor(service: TestService.name, method: name, shape: .unary)
  }

  /// Answers with what it got.
  static let echo = TestService(handlers: ["Echo": { request, _ in request }])
}

/// A server on a port of the kernel's choosing, and clients for it, for the time of one test.
final class TestServer: Sendable {
  static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)

  let server: RPCServer
  let port: Int
  private let running: Task<Void, any Error>

  init(
    _ service: any RPCService = TestService.echo, tls: CertificatePaths? = nil,
    interceptors: [any ServerInterceptor] = [], port: Int = 0, logger: Logger = .silent,
    configure: (inout RPCServerConfiguration) -> Void = { _ in }
  ) async throws {
    var configuration = RPCServerConfiguration(
      host: "127.0.0.1", port: port, tls: tls.map(TLSConfiguration.init(_:)))
    configure(&configuration)
    let server = RPCServer(
      configuration, services: [service], interceptors: interceptors, eventLoopGroup: Self.group,
      logger: logger)
    self.port = try await server.start()
    self.server = server
    running = Task { try await server.run() }
  }

  func client(
    tls: CertificatePaths? = nil, identity: String? = nil,
    configure: (inout RPCClientConfiguration) -> Void = { _ in }
  ) -> RPCClient {
    var configuration = RPCClientConfiguration(
      host: "127.0.0.1", port: port, tls: tls.map(TLSConfiguration.init(_:)),
      serverIdentity: identity)
    configure(&configuration)
    return RPCClient(configuration, eventLoopGroup: Self.group, logger: .silent)
  }

  /// Waits until the server has ended by itself.
  func ended() async throws {
    try await running.value
  }

  func stop() async {
    running.cancel()
    _ = await running.result
  }
}

/// Runs `body` against a server and a client of it, and ends both.
func withServer(
  _ service: TestService = .echo, configure: (inout RPCServerConfiguration) -> Void = { _ in },
  configureClient: (inout RPCClientConfiguration) -> Void = { _ in },
  _ body: (TestServer, RPCClient) async throws -> Void
) async throws {
  let server = try await TestServer(service, configure: configure)
  let client = server.client(configure: configureClient)
  do {
    try await body(server, client)
  } catch {
    await client.close()
    await server.stop()
    throw error
  }
  await client.close()
  await server.stop()
}

extension TLSConfiguration {
  init(_ paths: CertificatePaths) {
    self.init(
      certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
      certificateAuthorityFile: paths.authority)
  }
}

extension Logger {
  static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

extension RPCChannel {
  /// Calls a method of `TestService` with text.
  func call(
    _ name: String, _ text: String = "", timeout: Duration = .seconds(20),
    options: CallOptions? = nil
  ) async throws(RPCError) -> String {
    let answer = try await unary(
      TestService.method(name), request: ByteBuffer(string: text),
      options: options ?? CallOptions(timeout: timeout))
    return String(buffer: answer.message)
  }
}

/// The error that `body` throws, for a look at more than its type.
func failure<Value>(_ body: () async throws(RPCError) -> Value) async -> RPCError? {
  do throws(RPCError) {
    _ = try await body()
    return nil
  } catch {
    return error
  }
}

/// Something that happens once in a test.
actor Signal {
  private(set) var isRaised = false
  private var waiters: [CheckedContinuation<Void, Never>] = []

  func raise() {
    isRaised = true
    for waiter in waiters { waiter.resume() }
    waiters = []
  }

  func wait() async {
    if isRaised { return }
    await withCheckedContinuation { waiters.append($0) }
  }
}
