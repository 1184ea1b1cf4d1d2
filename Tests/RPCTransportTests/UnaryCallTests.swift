import NIOCore
import RPC
import RPCTransport
import TestSupport
import Testing

@Suite struct UnaryCallTests {
  @Test func aMessageComesBack() async throws {
    try await withServer { (_, client) async throws in
      #expect(try await client.call("Echo", "hello") == "hello")
      #expect(try await client.call("Echo", "") == "")
    }
  }

  @Test func aMessageComesBackOverMutualTLS() async throws {
    let certificates = try TestCertificates()
    let server = try await TestServer(tls: certificates.paths("vault"))
    let client = server.client(
      tls: try certificates.paths("gateway"), identity: "spiffe://chatelaine/vault")
    #expect(try await client.call("Echo", "hello") == "hello")
    await client.close()
    await server.stop()
  }
}
