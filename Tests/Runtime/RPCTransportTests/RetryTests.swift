import HTTP2
import NIOCore
import Pacing
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

  @Test func theServerNamesTheWait() async throws {
    let later = ScriptedServer.Behaviour.fail(
      .unavailable, trailers: [(RetryPushback.key, "1")])
    // Our own wait would outlast the deadline.
    try await withClient([later, .answer], wait: .seconds(3_600)) {
      (server, client) async throws in
      #expect(try await client.call("Name") == "a")
      #expect(server.paths.count == 2)
    }
  }

  @Test func theServerForbidsRetries() async throws {
    let never = ScriptedServer.Behaviour.fail(
      .unavailable, trailers: [(RetryPushback.key, "-1")])
    try await withClient([never, .answer]) { (server, client) async throws in
      let error = await failure { () async throws(RPCError) in try await client.call("Name") }
      #expect(error?.code == .unavailable)
      #expect(server.paths.count == 1)
    }
  }

  @Test func aHandlerAsksForCalmAndSeesWhichAttemptItAnswers() async throws {
    let service = TestService(handlers: [
      "Name": { _, context in
        guard let attempt = context.metadata[RetryInterceptor.previousAttemptsKey] else {
          var error = RPCError(.unavailable, "later")
          error.pushBack(.after(.zero))
          throw error
        }
        return ByteBuffer(string: attempt)
      }
    ])
    let server = try await TestServer(service)
    var policy = RetryPolicy()
    policy.backoff = Backoff(min: .seconds(3_600), max: .seconds(3_600))
    let client = RPCClient(
      RPCClientConfiguration(host: "127.0.0.1", port: server.port, tls: nil),
      interceptors: [
        RetryInterceptor(idempotent: [TestService.method("Name")], policy: policy)
      ],
      eventLoopGroup: TestServer.group, logger: .silent)
    #expect(try await client.call("Name") == "1")
    await client.close()
    await server.stop()
  }
}
