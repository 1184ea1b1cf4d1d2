import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import RPC
import ServiceAPI
import TestSupport
import Testing

@testable import Backend
@testable import GatewayServer

/// Access tokens that were good a moment ago.
@Suite(.timeLimit(.minutes(5))) struct RevocationTests {
  private static let path = "/proxy/custom/lab/v1/chat/completions"

  private func status(_ gateway: TestGateway) async throws -> Int {
    try await gateway.json(.POST, Self.path, headers: [ProxyRun.bearer], "{}").status
  }

  private func expect(_ expected: Int, _ gateway: TestGateway) async throws {
    let status = try await status(gateway)
    #expect(status == expected)
  }

  @Test func requestsAreNotAskedForOneByOneWhileRevocationsAreHeard() async throws {
    try await ProxyRun.run { gateway, _ in
      // Nothing was heard yet, as in a gateway that is up before auth.
      try await expect(200, gateway)
      try await expect(200, gateway)
      #expect(gateway.backend.authenticateCount == 2)
      gateway.hear()
      try await expect(200, gateway)
      gateway.hear()
      try await expect(200, gateway)
      #expect(gateway.backend.authenticateCount == 3)
      // The assertion is the same, what is recorded is each request's own.
      #expect(gateway.backend.resolvedPurposes.count == 4)
      let ids = gateway.backend.vault.calls
        .filter { $0.path == VaultAPI.VaultMethods.resolveCredential.path }
        .map { $0.metadata["chatelaine-request-id"] }
      #expect(Set(ids).count == 4)
    }
  }

  @Test func aTokenThatWasRevokedElsewhereIsRefusedWhenThatIsHeard() async throws {
    try await ProxyRun.run { gateway, _ in
      gateway.hear()
      try await expect(200, gateway)
      gateway.backend.revokeToken()
      gateway.hear(revoked: true)
      try await expect(401, gateway)
    }
  }

  @Test func aTokenIsRefusedAtOnceByTheGatewayThatRevokedIt() async throws {
    try await ProxyRun.run { gateway, _ in
      gateway.hear()
      try await expect(200, gateway)
      let deleted = try await gateway.send(
        .DELETE, "/api/v1/access-tokens/\(FakeBackend.tokenID)", headers: [ProxyRun.bearer])
      #expect(deleted.status == 204)
      try await expect(401, gateway)
    }
  }

  /// An endless answer, told by a word when it begins.
  private static func endless() -> TestUpstream.Answer {
    { _ in
      Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: ResponseBody { writer in
          while true {
            try await writer.write(ByteBuffer(string: "data: {}\n\n"))
            try await Task.sleep(for: .milliseconds(5))
          }
        })
    }
  }

  @Test(arguments: [true, false])
  func aRevocationBreaksOffAnAnswerThatRuns(isCached: Bool) async throws {
    try await ProxyRun.run(answer: Self.endless()) { gateway, _ in
      if isCached { gateway.hear() }
      let answer = try await gateway.open(
        .POST, Self.path, headers: [ProxyRun.bearer], body: .bytes(ByteBuffer(string: "{}")))
      #expect(answer.status == .ok)
      var pieces = 0
      await #expect(throws: (any Error).self) {
        for try await _ in answer.body {
          pieces += 1
          if pieces == 3 { gateway.hear(revoked: true) }
        }
      }
      // The client may see the end before the gateway has put the request away.
      while gateway.credentials.runningCount > 0 { await Task.yield() }
    }
  }

  @Test func aRevocationEndsARequestThatWaitsForItsProvider() async throws {
    let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
    try await ProxyRun.run { _ in
      arrived.yield()
      try await Task.sleep(for: .seconds(600))
      return Response(status: .ok)
    } _: { gateway, _ in
      let answer = Task { try await status(gateway) }
      for await _ in arrivals { break }
      gateway.hear(revoked: true)
      let ended = try await answer.value
      #expect(ended == 401)
    }
  }
}
