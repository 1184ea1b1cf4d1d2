import LocalDeployment
import Logging
import NIOPosix
import RPC
import RPCInProcess
import RPCTransport
import TLS
import TestSupport
import Testing

/// The ways on which a call may travel: every test of this target runs on each.
enum Transport: String, CaseIterable, CustomTestStringConvertible, Sendable {
  case memory = "in memory"
  case clearText = "over a socket"
  case mutualTLS = "over mutual TLS"

  private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
  static let messageBytesMaxDefault = 4 << 20

  var testDescription: String { rawValue }

  /// Runs `body` with a way to `service`, and takes both away again.
  func run(
    _ service: CallService, interceptors: [any ServerInterceptor] = [],
    messageBytesMax: Int = messageBytesMaxDefault,
    _ body: (any RPCChannel) async throws -> Void
  ) async throws {
    switch self {
    case .memory:
      try await body(
        InProcessChannel(
          services: [service], interceptors: interceptors, messageBytesMax: messageBytesMax))
    case .clearText:
      try await runSocket(service, interceptors, messageBytesMax, body)
    case .mutualTLS:
      let certificates = try TestCertificates()
      try await runSocket(
        service, interceptors, messageBytesMax, server: try certificates.paths("vault"),
        client: try certificates.paths("gateway"), body)
    }
  }

  private func runSocket(
    _ service: CallService, _ interceptors: [any ServerInterceptor], _ messageBytesMax: Int,
    server serverPaths: CertificatePaths? = nil, client clientPaths: CertificatePaths? = nil,
    _ body: (any RPCChannel) async throws -> Void
  ) async throws {
    var configuration = RPCServerConfiguration(
      host: "127.0.0.1", port: 0, tls: serverPaths.map(TLSConfiguration.init(_:)))
    configuration.messageBytesMax = messageBytesMax
    let server = RPCServer(
      configuration, services: [service], interceptors: interceptors, eventLoopGroup: Self.group,
      logger: .silent)
    let port = try await server.start()
    let running = Task { try await server.run() }
    var clientConfiguration = RPCClientConfiguration(
      host: "127.0.0.1", port: port, tls: clientPaths.map(TLSConfiguration.init(_:)),
      serverIdentity: clientPaths == nil ? nil : "spiffe://chatelaine/vault")
    clientConfiguration.messageBytesMax = messageBytesMax
    let client = RPCClient(clientConfiguration, eventLoopGroup: Self.group, logger: .silent)
    // The connection is there before the deadlines of the test begin.
    _ = await failure { try await client.run("Missing") { try await $0.next() } }
    let outcome: Result<Void, any Error>
    do {
      outcome = .success(try await body(client))
    } catch {
      outcome = .failure(error)
    }
    await client.close()
    running.cancel()
    _ = await running.result
    try outcome.get()
  }
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
