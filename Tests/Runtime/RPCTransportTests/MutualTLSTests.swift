import LocalDeployment
import Logging
import NIOCore
import RPC
import RPCTransport
import TLS
import TestSupport
import Testing

@Suite struct MutualTLSTests {
  private let certificates: TestCertificates

  init() throws {
    certificates = try TestCertificates()
  }

  /// What a call to the vault ends with, for a client with these files and this expectation.
  private func outcome(
    of tls: CertificatePaths?, expecting identity: String? = "spiffe://chatelaine/vault",
    interceptors: [any ServerInterceptor] = []
  ) async throws -> RPCError? {
    let server = try await TestServer(
      tls: certificates.paths("vault"), interceptors: interceptors)
    let client = server.client(tls: tls, identity: identity)
    let error = await failure { () async throws(RPCError) in try await client.call("Echo") }
    await client.close()
    await server.stop()
    return error
  }

  @Test func aCertificateOfAnotherAuthorityIsRefused() async throws {
    let others = try TestCertificates()
    defer { withExtendedLifetime(others) {} }
    let stranger = try others.paths("gateway")
    let mixed = CertificatePaths(
      certificate: stranger.certificate, privateKey: stranger.privateKey,
      authority: try certificates.paths("gateway").authority)
    let error = try await outcome(of: mixed)
    #expect(error?.code == .unavailable)
    #expect(error?.detail?.contains("TLS") == true)
  }

  @Test func aServerOfAnotherAuthorityIsRefused() async throws {
    let others = try TestCertificates()
    defer { withExtendedLifetime(others) {} }
    let ours = try certificates.paths("gateway")
    let mixed = CertificatePaths(
      certificate: ours.certificate, privateKey: ours.privateKey,
      authority: try others.paths("gateway").authority)
    let error = try await outcome(of: mixed)
    #expect(error?.code == .unavailable)
    #expect(error?.detail?.contains("certificate") == true)
  }

  @Test func aServerWithAnotherIdentityIsRefused() async throws {
    let error = try await outcome(
      of: certificates.paths("gateway"), expecting: "spiffe://chatelaine/audit")
    #expect(error?.code == .unavailable)
    #expect(error?.detail?.contains("not spiffe://chatelaine/audit") == true)
  }

  @Test func withoutAnExpectedIdentityTheHostIsChecked() async throws {
    #expect(try await outcome(of: certificates.paths("gateway"), expecting: nil) == nil)
  }

  @Test func aClientWithoutTLSIsRefused() async throws {
    let error = try await outcome(of: nil, expecting: nil)
    #expect(error?.code == .unavailable)
  }

  @Test func aCertificateForServersOnlyIsNoClientCertificate() async throws {
    var leaf = LeafCertificate(service: "gateway")
    leaf.allowsClient = false
    #expect(try await outcome(of: certificates.paths(leaf))?.code == .unavailable)
  }

  @Test func anExpiredCertificateStopsTheServerFromStarting() async throws {
    let paths = try certificates.paths(.expired(service: "vault"))
    await #expect(throws: TLSError.certificateExpired(path: paths.certificate)) {
      _ = try await TestServer(tls: paths)
    }
  }

  @Test func theAllowListLetsInWhomItNames() async throws {
    let rules = PeerAllowList.rules(
      [TestService.method("Echo")], allow: ["spiffe://chatelaine/gateway"])
    let list = PeerAllowList(rules, logger: .silent)
    #expect(try await outcome(of: certificates.paths("gateway"), interceptors: [list]) == nil)
    let denied = try await outcome(of: certificates.paths("auth"), interceptors: [list])
    #expect(denied?.code == .permissionDenied)
  }

  @Test func aMethodThatTheAllowListDoesNotNameIsDenied() async throws {
    let list = PeerAllowList([:], logger: .silent)
    let denied = try await outcome(of: certificates.paths("gateway"), interceptors: [list])
    #expect(denied?.code == .permissionDenied)
  }

  @Test func unusableFilesFailRunAndCallsWithTheirNames() async throws {
    let missing = CertificatePaths(
      certificate: "/nonexistent/a.pem", privateKey: "/nonexistent/a.key",
      authority: "/nonexistent/ca.pem")
    let client = RPCClient(
      RPCClientConfiguration(host: "127.0.0.1", port: 1, tls: TLSConfiguration(missing)),
      eventLoopGroup: TestServer.group, logger: .silent)
    await #expect(throws: TLSError.fileUnreadable(path: "/nonexistent/a.pem")) {
      try await client.run()
    }
    let error = await failure { () async throws(RPCError) in try await client.call("Echo") }
    #expect(error?.code == .unavailable)
    #expect(error?.detail?.contains("/nonexistent/a.pem") == true)
    await client.close()
  }
}
