import Foundation
import Testing

@testable import Egress
@testable import GatewayServer

/// What a provider says before its answer (RFC 9110, 15.2).
@Suite(.timeLimit(.minutes(1))) struct InterimAnswerTests {
  private static let early =
    "HTTP/1.1 103 Early Hints\r\nx-queue: 3\r\nset-cookie: a=b\r\n"
    + "keep-alive: timeout=5\r\n\r\n"
  private static let final = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

  /// What a client gets on a connection that ends with its request.
  private static func answer(
    to version: String = "HTTP/1.1", _ text: String
  ) async throws -> String {
    let upstream = try await SilentUpstream.start(answering: text)
    let answer = try await TestGateway.run(allowing: ["127.0.0.1:\(upstream.port)"]) { gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "k", baseURL: "http://127.0.0.1:\(upstream.port)")
      return try await gateway.raw(
        "GET /proxy/custom/lab/v1/models \(version)\r\nHost: a\r\nConnection: close\r\n"
          + "Authorization: Bearer \(FakeBackend.accessToken)\r\n\r\n")
    }
    try await upstream.stop()
    return answer
  }

  @Test func earlyHintsReachTheClientBeforeTheAnswer() async throws {
    let answer = try await Self.answer(Self.early + Self.early + Self.final)
    let heads = answer.components(separatedBy: "\r\n\r\n")
    #expect(heads.count == 4)
    for head in heads.prefix(2) {
      // Only what may pass, and no framing.
      #expect(head == "HTTP/1.1 103 \r\nx-queue: 3")
    }
    #expect(heads[2].hasPrefix("HTTP/1.1 200 OK"))
    #expect(heads[3] == "ok")
  }

  @Test func onlyWhoKnowsInterimAnswersGetsThem() async throws {
    let old = try await Self.answer(to: "HTTP/1.0", Self.early + Self.final)
    #expect(old.hasPrefix("HTTP/1.0 200 OK"))
    #expect(!old.contains(" 103 "))
    // About a body that the gateway sends without waiting.
    let continued = try await Self.answer("HTTP/1.1 100 Continue\r\n\r\n" + Self.final)
    #expect(continued.hasPrefix("HTTP/1.1 200 OK"))
  }

  @Test func aProviderThatSaysNothingElseIsGivenUp() async throws {
    let count = UpstreamWatch.interimAnswersMax + 1
    let answer = try await Self.answer(
      String(repeating: "HTTP/1.1 102 Processing\r\n\r\n", count: count) + Self.final)
    #expect(answer.contains("HTTP/1.1 502 "))
    #expect(!answer.contains("200 OK"))
  }
}
