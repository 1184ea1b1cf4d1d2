import HTTPTypes
import LocalDeployment
import NIOCore
import NIOPosix
import Providers
import TLS
import TestSupport
import Testing

@testable import Egress

/// Whom the way out trusts.
@Suite(.timeLimit(.minutes(1))) struct UpstreamTLSTests {
  private static let loop = MultiThreadedEventLoopGroup.singleton.next()
  private static let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
  private let certificates: TestCertificates
  private let paths: CertificatePaths

  init() throws {
    certificates = try TestCertificates()
    paths = try certificates.paths("vault")
  }

  private func server(protocols: [String] = ["http/1.1"]) throws -> TLSContext {
    var configuration = TLSConfiguration(
      certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
      certificateAuthorityFile: paths.authority)
    configuration.clientCertificates = .notAsked
    configuration.applicationProtocols = protocols
    return try TLSContext(.server, configuration)
  }

  private var ours: TrustedAuthorities {
    TrustedAuthorities(includesSystem: false, additionalFile: paths.authority)
  }

  /// What a GET of `https://name:port` gives.
  private func get(
    _ upstream: Upstream, _ name: String, _ port: Int
  ) async throws -> String {
    var allowed = EndpointAllowList()
    let isEntry = allowed.insert("\(name):\(port)")
    #expect(isEntry)
    let hosts = ["localhost": ["127.0.0.1"], "elsewhere.test": ["127.0.0.1"]]
    let endpoint = try await EndpointGuard(allowList: allowed, resolver: FixedResolver(hosts))
      .check("https://\(name):\(port)", for: "user")
    let answer = try await upstream.send(
      UpstreamRequest(method: .get, path: "/", query: nil), body: RequestRelay(), to: endpoint,
      on: Self.loop)
    var text = ""
    while let piece = try await answer.nextPiece() { text += String(buffer: piece) }
    return text
  }

  private static let answering: RawServer.Script = { connection in
    while try await connection.receiveHead() != nil { try await connection.send(ok) }
  }

  @Test(arguments: ["localhost", "127.0.0.1"])
  func aProviderOfATrustedAuthorityIsReached(name: String) async throws {
    try await RawServer.run(tls: try server(), Self.answering) { server in
      let upstream = try Upstream(UpstreamLimits(), authorities: ours)
      for _ in 0..<3 { #expect(try await get(upstream, name, server.port) == "ok") }
      #expect(server.connectionCount == 1)
      await upstream.close()
    }
  }

  @Test func aProviderThatKnowsNoProtocolNamesIsReachedToo() async throws {
    try await RawServer.run(tls: try server(protocols: []), Self.answering) { server in
      let upstream = try Upstream(UpstreamLimits(), authorities: ours)
      #expect(try await get(upstream, "localhost", server.port) == "ok")
      await upstream.close()
    }
  }

  @Test(arguments: [
    ("elsewhere.test", true, "hostname mismatch"),
    ("localhost", false, "unable to get local issuer certificate"),
  ])
  func aCertificateThatIsNotTrustedIsRefusedAndSaysWhy(
    name: String, knowsAuthority: Bool, reason: String
  ) async throws {
    try await RawServer.run(tls: try server(), Self.answering) { server in
      let upstream = try Upstream(
        UpstreamLimits(),
        authorities: knowsAuthority ? ours : TrustedAuthorities(includesSystem: true))
      let error = await #expect(throws: UpstreamError.self) {
        try await get(upstream, name, server.port)
      }
      #expect(error.is("untrusted", reason))
      await upstream.close()
    }
  }

  @Test func whatSpeaksNoTLSIsRefused() async throws {
    try await RawServer.run { connection in
      try await connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
      await connection.waitForClose()
    } _: { server in
      let upstream = try Upstream(UpstreamLimits(), authorities: ours)
      let error = await #expect(throws: UpstreamError.self) {
        try await get(upstream, "localhost", server.port)
      }
      #expect(error.is("untrusted"))
      await upstream.close()
    }
  }

  @Test func aHandshakeThatNeverEndsIsGivenUp() async throws {
    var limits = UpstreamLimits()
    limits.connectTimeout = .milliseconds(100)
    try await RawServer.run { connection in
      await connection.waitForClose()
    } _: { [limits] server in
      let upstream = try Upstream(limits, authorities: ours)
      let error = await #expect(throws: UpstreamError.self) {
        try await get(upstream, "localhost", server.port)
      }
      #expect(error.is("connectTimeout"))
      await upstream.close()
    }
  }

  @Test func anAnswerThatIsCutWithoutAGoodbyeIsNotWhole() async throws {
    // The connection below TLS is closed, as by somebody on the way.
    try await RawServer.run(tls: try server()) { connection in
      _ = try await connection.receiveHead()
      try await connection.send("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf of it")
      await connection.cut()
    } _: { server in
      let upstream = try Upstream(UpstreamLimits(), authorities: ours)
      let error = await #expect(throws: UpstreamError.self) {
        try await get(upstream, "localhost", server.port)
      }
      #expect(error.is("brokenOff"))
      await upstream.close()
    }
  }

  @Test func authoritiesThatCannotBeReadAreNamed() {
    let error = #expect(throws: TLSError.self) {
      try Upstream(
        UpstreamLimits(), authorities: TrustedAuthorities(additionalFile: "/nonexistent.pem"))
    }
    #expect(error == .fileUnreadable(path: "/nonexistent.pem"))
  }
}
