import HTTPTypes
import LocalDeployment
import NIOHTTP1
import NIOPosix
import Providers
import TLS
import TestSupport
import Testing

@testable import Egress

/// The operator's way out.
@Suite(.timeLimit(.minutes(1))) struct OutboundProxyTests {
  @Test(
    arguments: [
      ("http://proxy.example:3128", "proxy.example", 3_128, nil),
      ("proxy.example:3128/", "proxy.example", 3_128, nil),
      ("http://10.1.2.3", "10.1.2.3", 80, nil),
      ("http://[2001:db8::1]:8080", "2001:db8::1", 8_080, nil),
      ("http://me:s%40cret@proxy.example:1", "proxy.example", 1, "Basic bWU6c0BjcmV0"),
    ] as [(String, String, Int, String?)])
  func anAddressIsReadWithItsCredentials(
    text: String, host: String, port: Int, authorization: String?
  ) throws {
    let proxy = try OutboundProxy(text)
    #expect(proxy.host == host)
    #expect(proxy.port == port)
    #expect(proxy.headers["proxy-authorization"].first == authorization)
  }

  @Test(arguments: [
    "", "https://proxy.example:1", "socks5://a:1", "http://", "http://a:1/x", "a b",
  ])
  func whatIsNoProxysAddressIsRefused(text: String) {
    #expect(throws: OutboundProxy.Malformed.self) { try OutboundProxy(text) }
  }

  @Test(arguments: [
    ("https://api.example.com", "", true), ("http://api.example.com", "", false),
    ("https://api.example.com", "*", false), ("https://api.example.com", "example.com", false),
    ("https://api.example.com", ".example.com", false),
    ("https://api.example.com", "other.com, API.example.com", false),
    ("https://badexample.com", "example.com", true),
    ("https://10.1.2.3", "10.0.0.0/8", false), ("https://11.1.2.3", "10.0.0.0/8", true),
    ("https://10.1.2.3", "10.1.2.3", false),
  ])
  func exceptionsAreReachedDirectly(url: String, exceptions: String, applies: Bool) throws {
    let proxy = try OutboundProxy("http://proxy.example:3128", exceptions: exceptions)
    #expect(proxy.applies(to: try EndpointURL(url)) == applies)
  }

  // MARK: On the wire

  private static let loop = MultiThreadedEventLoopGroup.singleton.next()

  private func get(_ proxy: OutboundProxy) async throws -> String {
    let upstream = try Upstream(
      UpstreamLimits(), authorities: TrustedAuthorities(includesSystem: false), proxy: proxy)
    let endpoint = try await EndpointGuard(
      allowList: EndpointAllowList(), resolver: FixedResolver(), proxy: proxy
    ).check("https://api.example.com/v1", for: "user")
    #expect(endpoint.addresses.isEmpty)
    do {
      let answer = try await upstream.send(
        UpstreamRequest(method: .get, path: "/v1/models", query: nil), body: RequestRelay(),
        to: endpoint, on: Self.loop)
      await upstream.close()
      return "\(answer.status.code)"
    } catch {
      await upstream.close()
      return "\(error)"
    }
  }

  @Test func theProxyIsAskedForAWayAndSpokenThroughInTLS() async throws {
    let (heads, head) = AsyncStream.makeStream(of: String.self)
    try await RawServer.run { connection in
      head.yield(try await connection.receiveHead() ?? "")
      try await connection.send("HTTP/1.1 200 Connected\r\n\r\n")
      // A TLS handshake begins (RFC 8446, 5.1): what comes next is no TLS.
      _ = try await connection.receive(until: "\u{16}\u{3}")
      try await connection.send("not TLS at all")
      await connection.waitForClose()
    } _: { server in
      let proxy = try OutboundProxy("http://me:secret@127.0.0.1:\(server.port)")
      let outcome = try await get(proxy)
      #expect(outcome.hasPrefix("untrusted"), "\(outcome)")
      let asked = await heads.first { _ in true } ?? ""
      #expect(asked.hasPrefix("CONNECT api.example.com:443 HTTP/1.1\r\n"))
      #expect(asked.contains("proxy-authorization: Basic bWU6c2VjcmV0\r\n"))
    }
  }

  @Test(arguments: ["HTTP/1.1 403 Seen\r\ncontent-length: 0\r\n\r\n", "nonsense\r\n\r\n", ""])
  func aProxyThatRefusesIsNamed(answer: String) async throws {
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send(answer)
    } _: { server in
      let proxy = try OutboundProxy("http://127.0.0.1:\(server.port)")
      #expect(try await get(proxy).hasPrefix("proxyFailed"))
    }
  }
}
