import Egress
import HTTPTypes
import Hummingbird
import Testing

@testable import GatewayServer

/// A server may pass over what a request offers to go on with (RFC 9110, 7.8); the connection then
/// goes on as if nothing had been offered.
@Suite(.timeLimit(.minutes(1))) struct UpgradeOfferTests {
  static let offers = [
    // Java's HttpClient and `curl --http2`.
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n",
    "Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n",
    "Connection: keep-alive,upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "CONNECTION: keep-alive\r\nconnection: uPGRADE \r\nUPGRADE: h2c, websocket\r\n",
  ]
  private static let path = "/proxy/custom/lab/v1/chat/completions"

  private static func get(_ fields: String) -> String {
    "GET /healthz HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
  }

  @Test(arguments: offers)
  func theNextRequestsAreAnsweredToo(offer: String) async throws {
    try await TestGateway.run { gateway in
      try await gateway.connect { connection in
        for fields in [offer, offer, "", offer] {
          try await connection.send(Self.get(fields))
          let answer = try await connection.answer()
          #expect(answer.status == 200)
          #expect(answer["connection"] == nil)
          #expect(answer["upgrade"] == nil)
        }
      }
    }
  }

  @Test(arguments: offers)
  func requestsBehindTheOfferAreAnsweredInTurn(offer: String) async throws {
    try await TestGateway.run { gateway in
      try await gateway.connect { connection in
        let second = "GET /nothing/at/all HTTP/1.1\r\nHost: a\r\n\(offer)\r\n"
        let all = Self.get(offer) + second + Self.get("")
        // Cut within the second head, so that the decoder has a rest to keep.
        let cut = all.utf8.index(all.startIndex, offsetBy: Self.get(offer).utf8.count + 9)
        try await connection.send(String(all[..<cut]))
        #expect(try await connection.answer().status == 200)
        try await connection.send(String(all[cut...]))
        #expect(try await connection.answer().status == 404)
        #expect(try await connection.answer().status == 200)
      }
    }
  }

  @Test func bodiesBehindAnOfferArriveWhole() async throws {
    try await TestGateway.runWithUpstream { gateway, upstream in
      try await gateway.connect { connection in
        let offer = Self.offers[0]
        let start = "POST \(Self.path) HTTP/1.1\r\nHost: a\r\n\(TestGateway.bearerLine)\(offer)"
        let known = start + "Content-Length: 7\r\n\r\n{\"n\":1}"
        let chunked =
          start + "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"n\r\n4\r\n\":2}\r\n0\r\n\r\n"
        try await connection.send(known)
        #expect(try await connection.answer().status == 200)
        try await connection.send(chunked + known + chunked)
        for _ in 0..<3 { #expect(try await connection.answer().status == 200) }
      }
      #expect(
        upstream.requests.map(\.body) == [#"{"n":1}"#, #"{"n":2}"#, #"{"n":1}"#, #"{"n":2}"#])
      #expect(upstream.requests.allSatisfy { $0.headers[.upgrade] == nil })
    }
  }

  /// Where the decoder's reading might be another than ours, a client gets a new connection.
  @Test(arguments: [
    "Upgrade: h2c\r\n", "Upgrade: h2c\r\nConnection: upgrade\t,a\r\n",
    "Upgrade: h2c\r\nProxy-Connection: upgrade\r\n", "Upgrade:\r\nConnection: upgrade\r\n",
  ])
  func anUnclearOfferEndsTheConnectionBehindTheAnswer(offer: String) async throws {
    try await TestGateway.run { gateway in
      try await gateway.connect { connection in
        try await connection.send(Self.get(offer) + Self.get(""))
        let answer = try await connection.answer()
        #expect(answer.status == 200)
        #expect(answer["connection"] == "close")
        #expect(try await connection.rest() == "")
      }
    }
  }

  @Test func aTunnelIsRefused() async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.raw(
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n" + Self.get(""))
      #expect(answer.hasPrefix("HTTP/1.1 501"))
      #expect(answer.split(separator: "HTTP/1.1 ").count == 1)
    }
  }
}
