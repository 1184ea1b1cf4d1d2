import NIOCore
import RPC
import RPCTransport
import Testing

@Suite struct ShutdownTests {
  @Test func aGracefulShutdownLetsARunningCallEnd() async throws {
    let started = Signal()
    let release = Signal()
    let server = try await TestServer(
      TestService(handlers: [
        "Slow": { request, _ in
          await started.raise()
          await release.wait()
          return request
        }
      ]), configure: { $0.gracePeriod = .seconds(60) })
    let client = server.client()
    async let answer = client.call("Slow", "done")
    await started.wait()
    server.server.beginGracefulShutdown()
    // New calls find no listener.
    let refused = await failure { () async throws(RPCError) in
      var result = "served"
      while result == "served" {
        result = try await client.call("Slow", "served", timeout: .milliseconds(200))
      }
      return result
    }
    #expect(refused != nil)
    await release.raise()
    #expect(try await answer == "done")
    try await server.ended()
    await client.close()
  }

  @Test func theGracePeriodEndsCallsThatDoNotEnd() async throws {
    let started = Signal()
    let server = try await TestServer(
      TestService(handlers: [
        "Endless": { request, _ in
          await started.raise()
          try await Task.sleep(for: .seconds(3600))
          return request
        }
      ]), configure: { $0.gracePeriod = .milliseconds(50) })
    let client = server.client()
    async let outcome = failure { () async throws(RPCError) in try await client.call("Endless") }
    await started.wait()
    server.server.beginGracefulShutdown()
    try await server.ended()
    #expect(await outcome?.code == .unavailable)
    await client.close()
  }

  @Test func anIdleServerEndsAtOnce() async throws {
    let server = try await TestServer()
    let client = server.client()
    #expect(try await client.call("Echo", "x") == "x")
    server.server.beginGracefulShutdown()
    try await server.ended()
    await client.close()
  }

  @Test func aClientFindsARestartedServer() async throws {
    let first = try await TestServer()
    let client = first.client()
    #expect(try await client.call("Echo", "one") == "one")
    await first.stop()
    let second = try await TestServer(port: first.port)
    // The first calls may meet the old connection's end or a back-off; waiting calls don't.
    var options = CallOptions(timeout: .seconds(20))
    options.waitForReady = true
    var answer: String?
    while answer == nil { answer = try? await client.call("Echo", "two", options: options) }
    #expect(answer == "two")
    await client.close()
    await second.stop()
  }

  @Test func aCallFailsFastWhenNobodyListens() async throws {
    let server = try await TestServer()
    let client = server.client()
    await server.stop()
    let error = await failure { () async throws(RPCError) in try await client.call("Echo") }
    #expect(error?.code == .unavailable)
    #expect(error?.message == "the service can't be reached")
    #expect(error?.detail?.contains("127.0.0.1:\(server.port)") == true)
    await client.close()
  }

  @Test func aWaitingCallIsAnsweredOnceTheServerIsThere() async throws {
    let placeholder = try await TestServer()
    let port = placeholder.port
    await placeholder.stop()
    let client = placeholder.client { $0.backoffMin = .milliseconds(10) }
    // Puts the client into back-off.
    _ = await failure { () async throws(RPCError) in try await client.call("Echo") }
    var options = CallOptions(timeout: .seconds(20))
    options.waitForReady = true
    async let answer = client.call("Echo", "patience", options: options)
    let server = try await TestServer(port: port)
    #expect(try await answer == "patience")
    await client.close()
    await server.stop()
  }

  @Test func aTakenPortIsAnError() async throws {
    let server = try await TestServer()
    await #expect(throws: IOError.self) { _ = try await TestServer(port: server.port) }
    await server.stop()
  }
}
