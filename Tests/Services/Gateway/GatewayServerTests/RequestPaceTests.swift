import Edge
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Testing

@testable import GatewayServer

/// Slow clients on real sockets, with limits of a fraction of a second.
@Suite(.timeLimit(.minutes(1))) struct RequestPaceTests {
  private static let bearer = "authorization: Bearer \(FakeBackend.accessToken)\r\n"
  private static let path = "/proxy/custom/lab/v1/chat/completions"

  /// Everything is long but what a test shortens.
  private func timeouts(_ change: (inout ClientTimeouts) -> Void) -> ClientTimeouts {
    var timeouts = ClientTimeouts()
    timeouts.requestHeadTimeout = .seconds(60)
    timeouts.bodyTimeout = .seconds(60)
    timeouts.proxiedBodyTimeout = .seconds(60)
    timeouts.farewellTimeout = .milliseconds(100)
    change(&timeouts)
    return timeouts
  }

  @Test func aHeadThatNeverEndsIsCutOff() async throws {
    let timeouts = timeouts { $0.requestHeadTimeout = .milliseconds(150) }
    try await TestGateway.run(timeouts: timeouts) { gateway in
      let answer = try await gateway.raw("GET / HTTP/1.1\r\nHost: a\r\nX: ", thenDripping: "a")
      #expect(answer == "")
    }
  }

  @Test func aConnectionThatIsNeverUsedIsClosed() async throws {
    let timeouts = timeouts { $0.requestHeadTimeout = .milliseconds(150) }
    try await TestGateway.run(timeouts: timeouts) { gateway in
      let answer = try await gateway.raw("")
      #expect(answer == "")
    }
  }

  @Test func aSecondHeadThatNeverEndsIsCutOffToo() async throws {
    let timeouts = timeouts { $0.requestHeadTimeout = .milliseconds(150) }
    try await TestGateway.run(timeouts: timeouts) { gateway in
      let answer = try await gateway.raw(
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nX: ",
        thenDripping: "a")
      #expect(answer.hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test func aConnectionWithoutAnotherRequestIsClosed() async throws {
    let timeouts = timeouts { $0.keepAliveTimeout = .milliseconds(150) }
    try await TestGateway.run(timeouts: timeouts) { gateway in
      let answer = try await gateway.raw("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test(arguments: ["/api/v1/sessions", "/log-in"])
  func aLogInBodyThatDripsIsAnsweredAndCutOff(path: String) async throws {
    let timeouts = timeouts { $0.bodyTimeout = .milliseconds(200) }
    let type = path == "/log-in" ? FormData.contentType : "application/json"
    try await TestGateway.run(timeouts: timeouts) { gateway in
      let answer = try await gateway.raw(
        "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Type: \(type)\r\n"
          + "Content-Length: 60000\r\n\r\n", thenDripping: " ")
      #expect(answer.hasPrefix("HTTP/1.1 408"))
      #expect(gateway.backend.auth.calls.isEmpty)
    }
  }

  @Test func aBodyThatNobodyWantsIsCutOffToo() async throws {
    let timeouts = timeouts { $0.bodyTimeout = .milliseconds(200) }
    try await TestGateway.run(timeouts: timeouts) { gateway in
      let answer = try await gateway.raw(
        "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n", thenDripping: " ")
      #expect(answer.hasPrefix("HTTP/1.1 404"))
    }
  }

  /// Small bodies and large ones alike: the key is opened when there is something to send.
  @Test(arguments: [
    "Content-Length: 6000", "Content-Length: 6000000", "Transfer-Encoding: chunked",
  ])
  func aBodyThatDoesNotComeCostsNoKey(framing: String) async throws {
    let timeouts = timeouts { $0.proxiedBodyTimeout = .milliseconds(200) }
    try await TestGateway.run(timeouts: timeouts) { gateway in
      gateway.backend.store(provider: "openai", label: "default", key: "k")
      let answer = try await gateway.raw(
        "POST /proxy/openai/v1/x HTTP/1.1\r\nHost: a\r\n\(Self.bearer)\(framing)\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 408"))
      #expect(!gateway.backend.auth.calls.isEmpty)
      #expect(gateway.backend.resolvedPurposes.isEmpty)
    }
  }

  @Test func aBodyForAProviderMayTakeLongerWhileItMoves() async throws {
    let timeouts = timeouts {
      $0.bodyTimeout = .milliseconds(100)
      $0.proxiedBodyTimeout = .milliseconds(1_500)
      $0.proxiedBodyBytesPerSecondMin = 10
    }
    let upstream = try await SilentUpstream.start(
      answering: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
    try await TestGateway.run(allowing: ["127.0.0.1:\(upstream.port)"], timeouts: timeouts) {
      gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "k", baseURL: "http://127.0.0.1:\(upstream.port)")
      // 150 pieces with 20 ms between them: three seconds, of which one and a half are free.
      let answer = try await gateway.raw(
        "POST \(Self.path) HTTP/1.1\r\nHost: a\r\n\(Self.bearer)Connection: close\r\n"
          + "Content-Length: 150\r\n\r\n", thenDripping: "a")
      #expect(answer.hasPrefix("HTTP/1.1 200"))
    }
    try await upstream.stop()
  }

  @Test func aProviderThatTakesItsTimeIsNotTheClientsFault() async throws {
    let timeouts = timeouts {
      $0.bodyTimeout = .milliseconds(700)
      $0.proxiedBodyTimeout = .milliseconds(700)
      $0.requestHeadTimeout = .milliseconds(700)
    }
    try await TestUpstream.run({ _ in
      // The body has come; this is the provider thinking.
      try await Task.sleep(for: .milliseconds(1_500))
      return .init(status: .ok)
    }) { upstream in
      try await TestGateway.run(allowing: ["127.0.0.1:\(upstream.port)"], timeouts: timeouts) {
        gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: "k", baseURL: "http://127.0.0.1:\(upstream.port)")
        let answer = try await gateway.send(
          .POST, Self.path, headers: [("authorization", "Bearer \(FakeBackend.accessToken)")],
          body: "{}")
        #expect(answer.status == 200)
      }
    }
  }
}
