import LocalDeployment
import Logging
import NIOCore
import NIOPosix
import RPC
import RPCTransport
import TLS
import TestSupport
import Testing

@testable import HTTP2Trials

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
    arguments: Rule.allOfStreams, Rule.Delivery.allCases)
  func streams(_ rule: Rule, _ delivery: Rule.Delivery) async throws {
    try await check(rule, delivery)
  }

  @Test(
    arguments: Rule.allOfFrames, Rule.Delivery.allCases)
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

  /// Every rule again, without a client certificate, because h2spec has none: here the end of a
  /// connection must be TLS's own, or its peer can't tell it from a cut.
  @Test(arguments: Rule.all)
  func overTLS(_ rule: Rule) async throws {
    let certificates = try TestCertificates()
    var serverTLS = TLSConfiguration(try certificates.paths("vault"))
    serverTLS.clientCertificates = .notAsked
    try await check(
      rule, .together, serverTLS: serverTLS,
      clientTLS: TLSContext(.client, TLSConfiguration(certificates.paths("gateway"))))
  }

  private func check(
    _ rule: Rule, _ delivery: Rule.Delivery, serverTLS: TLSConfiguration? = nil,
    clientTLS: TLSContext? = nil
  ) async throws {
    var configuration = RPCServerConfiguration(host: "127.0.0.1", port: 0, tls: serverTLS)
    // Trials ping between frames more often than gRPC's rules for keepalive allow.
    configuration.pingIntervalMin = .zero
    let server = RPCServer(
      configuration, services: [], eventLoopGroup: Self.group,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let port = try await server.start()
    let running = Task { try await server.run() }
    do {
      let connection = try await RawConnection.open(port: port, tls: clientTLS, on: Self.group)
      try await Trial(connection: connection, delivery: delivery).run(rule)
      await connection.close()
    } catch {
      Issue.record(error)
    }
    running.cancel()
    _ = await running.result
  }
}

extension TLSConfiguration {
  fileprivate init(_ paths: CertificatePaths) {
    self.init(
      certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
      certificateAuthorityFile: paths.authority)
  }
}
