import API
import Addresses
import Edge
import Egress
import Encodings
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Protobuf
import Providers
import RPC
import ServiceAPI
import ServiceLifecycle
import ServiceRuntime
import TLS
import TestSupport

@testable import Backend
@testable import GatewayServer

/// A gateway on a port of the kernel's choice, in front of fakes.
struct TestGateway: Sendable {
  struct Answer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: String

    func cookie(_ name: String) -> String? {
      headers["set-cookie"].first { $0.hasPrefix(name + "=") }
        .map { String($0.dropFirst(name.count + 1).prefix { $0 != ";" }) }
    }
  }

  let address: String
  let backend: FakeBackend
  /// Everything that it answers.
  let routes: [Edge.Route]
  /// What it takes for known; no stream of revocations runs, the test says what it tells.
  let credentials: KnownCredentials
  private let client = TestHTTPClient()

  /// Runs `body` against a gateway and stops it afterwards.
  static func run<Result: Sendable>(
    publicOrigin: String = "http://portal.example", allowing endpoints: [String] = [],
    trusting proxies: [String] = [], limits: UpstreamLimits = UpstreamLimits(),
    timeouts: ClientTimeouts = ClientTimeouts(),
    authorities: TrustedAuthorities = TrustedAuthorities(),
    connectionsMax: Int = 1_024, shutdownNotice: ShutdownNotice = ShutdownNotice(),
    configure: @Sendable (inout GatewayConfiguration) -> Void = { _ in },
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    _ body: @escaping @Sendable (TestGateway) async throws -> Result
  ) async throws -> Result {
    let backend = FakeBackend()
    var allowList = EndpointAllowList()
    for endpoint in endpoints { _ = allowList.insert(endpoint) }
    let nowhere = NetworkAddress(host: "127.0.0.1", port: 0)
    let group = MultiThreadedEventLoopGroup.singleton
    var configuration = GatewayConfiguration(
      authAddresses: [nowhere], vaultAddresses: [nowhere], auditAddresses: [nowhere],
      publicOrigin: publicOrigin, endpointAllowList: allowList,
      trustedProxies: TrustedProxies(proxies.compactMap { AddressBlock($0) }),
      upstreamLimits: limits)
    configure(&configuration)
    (configuration.clientTimeouts, configuration.upstreamAuthorities) = (timeouts, authorities)
    let services = Services(auth: backend.auth, vault: backend.vault, audit: backend.audit)
    let server = try GatewayServer(
      configuration, services: services, catalogue: .standard,
      resolver: SystemHostResolver(catalogue: .standard), shutdownNotice: shutdownNotice,
      logger: logger)
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let application = server.edge.buildServer(
      host: "127.0.0.1", port: 0, connectionsMax: connectionsMax, eventLoopGroup: group,
      logger: logger
    ) { port.yield($0) }

    return try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await application.run() }
      tasks.addTask { try await UseReporter(services, logger: logger).run() }
      guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
      let gateway = TestGateway(
        address: "http://127.0.0.1:\(port)", backend: backend, routes: server.routes,
        credentials: services.credentials)
      do {
        let result = try await body(gateway)
        await server.upstream.close()
        tasks.cancelAll()
        return result
      } catch {
        await server.upstream.close()
        tasks.cancelAll()
        throw error
      }
    }
  }

  /// Tells that the token was revoked, or nothing, and that this is all until now.
  func hear(revoked: Bool = false) {
    let revocation = AuthAPI.Revocation(
      accountId: FakeBackend.accountID, credentialId: FakeBackend.tokenID)
    credentials.hear(
      AuthAPI.WatchRevocationsResponse(
        position: 1, knownUntil: ProtoDuration(.zero), revocations: revoked ? [revocation] : []),
      since: .now)
  }

  /// Starts a request; the body may still be on its way.
  func open(
    _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [],
    body: TestHTTPClient.Body? = nil
  ) async throws -> TestHTTPClient.Answer {
    try await client.send(method, address + path, headers: HTTPHeaders(headers), body: body)
  }

  func send(
    _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], body: String? = nil
  ) async throws -> Answer {
    let response = try await open(
      method, path, headers: headers, body: body.map { .bytes(ByteBuffer(string: $0)) })
    let bytes = try await response.body.collect(upTo: 1 << 24)
    return Answer(
      status: Int(response.status.code), headers: response.headers, body: String(buffer: bytes))
  }

  /// Sends bytes as they are and returns everything that comes back until the end.
  ///
  /// `drip` is sent behind them, again and again with pauses, until the gateway closes.
  func raw(_ text: String, thenDripping drip: String? = nil) async throws -> String {
    let port = Int(address.split(separator: ":").last ?? "") ?? 0
    let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await connection.executeThenClose { inbound, outbound in
      try await outbound.write(ByteBuffer(string: text))
      return try await withThrowingTaskGroup(of: Void.self) { group in
        if let drip {
          group.addTask {
            while !Task.isCancelled {
              try await Task.sleep(for: .milliseconds(20))
              try? await outbound.write(ByteBuffer(string: drip))
            }
          }
        }
        var answer = ""
        do {
          for try await bytes in inbound { answer += String(buffer: bytes) }
        } catch is IOError {
          // Closed with bytes of ours unread: the kernel resets then.
        }
        group.cancelAll()
        return answer
      }
    }
  }

  /// A request with JSON.
  func json(
    _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], _ body: String
  ) async throws -> Answer {
    try await send(
      method, path, headers: [("content-type", "application/json")] + headers, body: body)
  }

  /// A form with these cookies.
  func form(
    _ path: String, cookies: [String], headers: [(String, String)] = [],
    _ fields: [(String, String)]
  ) async throws -> Answer {
    let body = fields.map { "\($0.0)=\(PercentCoding.encode($0.1))" }.joined(separator: "&")
    return try await send(
      .POST, path,
      headers: [
        ("content-type", FormData.contentType), ("cookie", cookies.joined(separator: "; ")),
      ] + headers, body: body)
  }
}
