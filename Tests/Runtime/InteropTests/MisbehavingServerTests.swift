import Logging
import NIOCore
import NIOPosix
import RPC
import RPCInterop
import RPCTransport
import Testing

/// gRPC's negative HTTP/2 cases: our client against a server that ends connections and streams at
/// every wrong moment. The server says what it has seen.
@Suite struct MisbehavingServerTests {
  private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private static let parallelCalls = 10

  @Test func goAwayEndsTheConnectionButNotTheCall() async throws {
    let seen = try await against("goaway") { cases in
      try await cases.largeUnary()
      try await cases.largeUnary()
    }
    #expect(seen == "connections=2 calls=2 concurrent=1 pings=0 acks=0")
  }

  @Test func aCallThatGoAwayDidNotReachIsMadeAgain() async throws {
    let seen = try await against("goaway_unprocessed") { cases in try await cases.largeUnary() }
    #expect(seen == "connections=2 calls=2 concurrent=1 pings=0 acks=0")
  }

  @Test func aRefusedCallIsMadeAgain() async throws {
    let seen = try await against("refused_once") { cases in try await cases.largeUnary() }
    #expect(seen == "connections=1 calls=2 concurrent=1 pings=0 acks=0")
  }

  @Test(arguments: ["rst_after_header", "rst_during_data", "rst_after_data"])
  func aResetStreamFailsItsCallOnly(_ name: String) async throws {
    let seen = try await against(name) { cases in
      for _ in 0..<2 {
        let error = await #expect(throws: RPCError.self) { try await cases.largeUnary() }
        #expect(error?.code == .internal)
      }
    }
    #expect(seen == "connections=1 calls=2 concurrent=1 pings=0 acks=0")
  }

  /// The table of PROTOCOL-HTTP2, "Errors".
  @Test(arguments: [
    (0x1, RPCError.Code.internal), (0x2, .internal), (0x3, .internal), (0x8, .cancelled),
    (0xB, .resourceExhausted), (0xC, .permissionDenied),
  ])
  func theCodeOfAResetDecidesTheStatus(_ http2Code: Int, _ code: RPCError.Code) async throws {
    try await against("rst_after_header", "\(http2Code)") { cases in
      let error = await #expect(throws: RPCError.self) { try await cases.largeUnary() }
      #expect(error?.code == code)
    }
  }

  @Test func everyPingIsAnswered() async throws {
    let seen = try await against("ping") { cases in try await cases.largeUnary() }
    let found = try #require(seen.wholeMatch(of: /.* pings=(\d+) acks=(\d+)/))
    #expect(found.1 == found.2)
    #expect(Int(found.1) ?? 0 > 2)
  }

  @Test func noMoreStreamsAreOpenedThanTheServerAllows() async throws {
    let seen = try await against("max_streams") { cases in
      try await cases.largeUnary()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<Self.parallelCalls {
          group.addTask { try await cases.largeUnary() }
        }
        try await group.waitForAll()
      }
    }
    #expect(seen == "connections=1 calls=11 concurrent=1 pings=0 acks=0")
  }

  /// Returns the last line of the server.
  @discardableResult
  private func against(
    _ arguments: String..., body: (InteropCases) async throws -> Void
  ) async throws -> String {
    let (printed, _) = try await ListeningProcess.run(
      .script("misbehave.py", arguments)
    ) { server in
      let client = RPCClient(
        RPCClientConfiguration(host: "127.0.0.1", port: server.port, tls: nil),
        eventLoopGroup: Self.group,
        logger: Logger(label: "interop") { _ in SwiftLogNoOpLogHandler() })
      do {
        try await body(InteropCases(channel: client) { body in try await body(client) })
      } catch {
        await client.close()
        throw error
      }
      await client.close()
    }
    return printed.split(separator: "\n").last.map(String.init) ?? ""
  }
}
