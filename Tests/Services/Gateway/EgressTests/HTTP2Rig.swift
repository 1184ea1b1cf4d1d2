import LocalDeployment
import NIOCore
import Networking
import TLS
import TestSupport

@testable import Egress

/// A way out that trusts providers of the test's own, which offer HTTP/2.
struct HTTP2Rig: @unchecked Sendable {
  // Sendable because the certificates' files are only kept until it goes.
  let rig = UpstreamRig()
  private let certificates: TestCertificates
  private let server: TLSContext
  let authorities: TrustedAuthorities

  init(protocols: [String] = ["h2", "http/1.1"]) throws {
    certificates = try TestCertificates()
    let paths = try certificates.paths("vault")
    var configuration = TLSConfiguration(
      certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
      certificateAuthorityFile: paths.authority)
    configuration.clientCertificates = .notAsked
    configuration.applicationProtocols = protocols
    server = try TLSContext(.server, configuration)
    authorities = TrustedAuthorities(includesSystem: false, additionalFile: paths.authority)
  }

  /// Runs `body` beside a provider whose connections follow `script`.
  @discardableResult
  func withServer<Result: Sendable>(
    _ limits: UpstreamLimits = UpstreamLimits(), script: @escaping RawServer.Script,
    _ body: (Upstream, CheckedEndpoint, RawServer) async throws -> Result
  ) async throws -> Result {
    try await RawServer.run(tls: server, script) { server in
      try await rig.withUpstream(limits, authorities: authorities) { upstream in
        let endpoint = try await rig.endpoint("https://127.0.0.1:\(server.port)")
        return try await body(upstream, endpoint, server)
      }
    }
  }

  /// The same, with a script that speaks HTTP/2 with these settings.
  @discardableResult
  func run<Result: Sendable>(
    _ limits: UpstreamLimits = UpstreamLimits(), settings: [(UInt8, Int)] = [],
    peer script: @escaping @Sendable (HTTP2Peer) async throws -> Void,
    _ body: (Upstream, CheckedEndpoint, RawServer) async throws -> Result
  ) async throws -> Result {
    try await withServer(
      limits,
      script: { connection in
        guard let peer = try await HTTP2Peer(connection, settings: settings) else { return }
        try await script(peer)
      }, body)
  }

  func get(_ upstream: Upstream, _ endpoint: CheckedEndpoint) async throws -> String {
    try await rig.send(upstream, UpstreamRig.get, to: endpoint).body
  }

  func post(
    _ upstream: Upstream, _ endpoint: CheckedEndpoint, _ body: RequestRelay? = nil
  ) async throws -> UpstreamRig.Outcome {
    try await rig.send(
      upstream, UpstreamRig.post, to: endpoint, body: body ?? RequestRelay(.init(string: "{}")))
  }

  /// `count` requests at once; how many were answered with "ok".
  func burst(_ count: Int, _ upstream: Upstream, _ endpoint: CheckedEndpoint) async throws -> Int {
    try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<count { group.addTask { try await get(upstream, endpoint) } }
      return try await group.reduce(0) { $0 + ($1 == "ok" ? 1 : 0) }
    }
  }
}
