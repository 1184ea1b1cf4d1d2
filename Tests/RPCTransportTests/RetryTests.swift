import HTTP2
import NIOCore
import RPC
import RPCTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct RetryTests {
  private static let unavailable = ScriptedServer.Behaviour.fail(.unavailable, trailers: [])

  private func withClient(
    _ behaviours: [ScriptedServer.Behaviour], wait: Duration = .zero,
    _ body: (ScriptedServer, RPCClient) async throws -> Void
  ) async throws {
    let server = try await ScriptedServer("a", behaviours)
    var policy = RetryPolicy()
    policy.backoff = Backoff(min: wait, max: wait)
    let client = server.client(interceptors: [
      RetryInterceptor(idempotent: [TestService.method("Name")], policy: policy)
    ])
    try await body(server, client)
    await client.close()
    await server.stop()
  }

  @Test func attemptsTellTheServerHowManyCameBefore() async throws {
    try await withClient([Self.unavailable, Self.unavailable, .answer]) {
      (server, client) async throws in
      #expect(try await client.call("Name") == "a")
      #expect(
        server.record.requests.map { $0[RetryInterceptor.previousAttemptsKey] }
          == [nil, "1", "2"])
    }
  }

  @Test func aTransparentRetryIsNoAttempt() async throws {
    try await withClient([.refuse, Self.unavailable, .answer]) { (server, client) async throws in
      #expect(try await client.call("Name") == "a")
      #expect(
        server.record.requests.map { $0[RetryInterceptor.previousAttemptsKey] }
          == [nil, nil, "1"])
    }
  }

  @Test func aLostConnectionIsAFailureLikeAnother() async throws {
    try await withClient([.hangUp, .answer]) { (server, client) async throws in
      #expect(try await client.call("Name") == "a")
      #expect(server.record.connectionCount == 2)
    }
  }
}
