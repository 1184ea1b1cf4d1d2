import NIOCore
import RPC
import RPCTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct KeepaliveTests {
  @Test func aServerThatHasGoneSilentIsGivenUp() async throws {
    let server = try await ScriptedServer("a", [.freeze, .answer])
    let client = server.client {
      $0.keepaliveInterval = .milliseconds(20)
      $0.keepaliveTimeout = .milliseconds(20)
    }
    let error = await failure { () async throws(RPCError) in try await client.call("Name") }
    #expect(error?.code == .unavailable)
    #expect(error?.detail?.contains("pings") == true)
    let options = CallOptions(timeout: .seconds(20), waitForReady: true)
    #expect(try await client.call("Name", options: options) == "a")
    #expect(server.record.connectionCount == 2)
    await client.close()
    await server.stop()
  }

  @Test func aServerThatAnswersPingsMayTakeItsTime() async throws {
    let server = try await ScriptedServer("a", [.answerAfterPings(3)])
    let client = server.client {
      $0.keepaliveInterval = .milliseconds(10)
      $0.keepaliveTimeout = .seconds(20)
    }
    #expect(try await client.call("Name") == "a")
    #expect(server.record.connectionCount == 1)
    await client.close()
    await server.stop()
  }
}
