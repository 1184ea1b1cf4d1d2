import Logging
import NIOCore
import NIOPosix
import RPC
import RPCTransport
import Testing

/// Every case of h2spec, and some more, against a server without a service.
///
/// `docs/http2-conformance.md` says how to run h2spec itself.
@Suite struct HTTP2ConformanceTests {
  private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  @Test(arguments: Rule.accepted, Rule.Delivery.allCases)
  func framesThatMustBeAccepted(_ rule: Rule, _ delivery: Rule.Delivery) async throws {
    try await check(rule, delivery)
  }

  @Test(arguments: Rule.framing, Rule.Delivery.allCases)
  func framing(_ rule: Rule, _ delivery: Rule.Delivery) async throws {
    try await check(rule, delivery)
  }

  @Test(
    arguments: Rule.idleStreams + Rule.endedStreams + Rule.lateFrames + Rule.streamIdentifiers
      + Rule.errorsAndExtensions, Rule.Delivery.allCases)
  func streams(_ rule: Rule, _ delivery: Rule.Delivery) async throws {
    try await check(rule, delivery)
  }

  @Test(
    arguments: Rule.dataAndHeaders + Rule.settingsFrames + Rule.pingAndGoAway
      + Rule.continuationFrames, Rule.Delivery.allCases)
  func typesOfFrames(_ rule: Rule, _ delivery: Rule.Delivery) async throws {
    try await check(rule, delivery)
  }

  @Test(arguments: Rule.flowControl, Rule.Delivery.allCases)
  func flowControl(_ rule: Rule, _ delivery: Rule.Delivery) async throws {
    try await check(rule, delivery)
  }

  @Test(arguments: Rule.messages, Rule.Delivery.allCases)
  func messages(_ rule: Rule, _ delivery: Rule.Delivery) async throws {
    try await check(rule, delivery)
  }

  @Test(arguments: Rule.hpackAccepted + Rule.hpackRefused, Rule.Delivery.allCases)
  func headerCompression(_ rule: Rule, _ delivery: Rule.Delivery) async throws {
    try await check(rule, delivery)
  }

  private func check(_ rule: Rule, _ delivery: Rule.Delivery) async throws {
    var configuration = RPCServerConfiguration(host: "127.0.0.1", port: 0, tls: nil)
    // Trials ping between frames more often than gRPC's rules for keepalive allow.
    configuration.pingIntervalMin = .zero
    let server = RPCServer(
      configuration, services: [], eventLoopGroup: Self.group,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let port = try await server.start()
    let running = Task { try await server.run() }
    let connection = try await RawConnection.open(port: port, on: Self.group)
    do {
      try await Trial(connection: connection, delivery: delivery).run(rule)
    } catch {
      Issue.record(error)
    }
    await connection.close()
    running.cancel()
    _ = await running.result
  }
}
