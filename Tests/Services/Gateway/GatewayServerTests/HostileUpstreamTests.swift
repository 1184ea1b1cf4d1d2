import Egress
import NIOCore
import NIOHTTP1
import Testing

@testable import GatewayServer

/// What an account can have the gateway connect to must not end it for everybody.
@Suite(.timeLimit(.minutes(1))) struct HostileUpstreamTests {
  private static let bearer = ("authorization", "Bearer \(FakeBackend.accessToken)")
  private static let path = "/proxy/custom/lab/v1/models"

  @Test(arguments: ["1000", "-5", "", "99", "0", "abc", "999999999999999999999"])
  func aStatusThatIsNoneOverHTTP2IsABadGateway(status: String) async throws {
    try await HostileUpstream.run(status: status, text: "HTTP/1.1 \(status) X\r\n\r\n") {
      upstream in
      let authorities = upstream.authorities
      let port = upstream.port
      try await TestGateway.run(allowing: ["127.0.0.1:\(port)"], authorities: authorities) {
        gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: "k", baseURL: "https://127.0.0.1:\(port)")
        let answer = try await gateway.send(.GET, Self.path, headers: [Self.bearer])
        #expect(answer.status == 502)
        #expect(try await gateway.send(.GET, "/healthz").status == 200)
      }
      #expect(upstream.hasSpokenHTTP2)
    }
  }

  @Test func aProviderIsReachedOverTLS() async throws {
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    try await HostileUpstream.run(status: "200", text: text) { upstream in
      let (port, authorities) = (upstream.port, upstream.authorities)
      try await TestGateway.run(
        allowing: ["127.0.0.1:\(port)"], authorities: authorities,
        configure: { $0.upstreamLimits.offersHTTP2 = false }
      ) { gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: "k", baseURL: "https://127.0.0.1:\(port)")
        let answer = try await gateway.send(.GET, Self.path, headers: [Self.bearer])
        #expect(answer.body == "ok")
      }
    }
  }

  @Test(arguments: [
    ("HTTP/1.1 000 X", 502), ("HTTP/1.1 001 X", 502), ("HTTP/1.1 099 X", 502),
    ("HTTP/1.1 101 Switching Protocols", 502), ("HTTP/1.1 1000 X", 502), ("HTTP/1.1 -05 X", 502),
    ("HTTP/1.1 20 X", 502), ("HTTP/1.1  X", 502), ("HTTP/1.1", 502), ("HTTP/2.0 200 OK", 502),
    ("HTTP/9.9 200 OK", 502), ("ICY 200 OK", 502), ("nonsense", 502), ("HTTP/1.1 2x0 OK", 502),
    ("HTTP/1.1 100 Continue", 502), ("HTTP/1.1 103 Early Hints", 502), ("HTTP/1.1 200 OK", 200),
    ("HTTP/1.1 200", 200), ("HTTP/1.1 299 \u{e9}\u{600}", 299), ("HTTP/1.1 600 X", 600),
    ("HTTP/1.1 999 X", 999),
  ])
  func anOddStatusLineIsABadGatewayOrPassesOn(line: String, status: Int) async throws {
    for end in ["content-length: 0\r\n\r\n", "transfer-encoding: chunked\r\n\r\n0\r\n\r\n", "\r\n"]
    {
      let upstream = try await SilentUpstream.start(
        answering: line + "\r\n" + end, thenClosing: true)
      try await TestGateway.run(allowing: ["127.0.0.1:\(upstream.port)"]) { gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: "k", baseURL: "http://127.0.0.1:\(upstream.port)")
        let answer = try await gateway.send(.GET, Self.path, headers: [Self.bearer])
        #expect(answer.status == status, "\(end.debugDescription)")
        #expect(try await gateway.send(.GET, "/healthz").status == 200)
      }
      try await upstream.stop()
    }
  }
}
