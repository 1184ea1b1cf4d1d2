import Cryptography
import HTTPTypes
import NIOHTTP1
import Providers
import Testing

@testable import Proxy

@Suite struct ProxyRulesTests {
  let token = ProxyToken(catalogue: .standard)

  @Test func thePurposeHasALimit() {
    #expect(ProxyRoutes.purpose(verb: "GET", path: "/v1/models") == "GET /v1/models")
    let long = "/" + String(repeating: "a", count: 900)
    #expect(
      ProxyRoutes.purpose(verb: "POST", path: long).utf8.count == ProxyRoutes.purposeBytesMax)
  }

  @Test(arguments: [
    ("authorization", "Bearer t1"), ("authorization", "bearer t1"), ("authorization", "Token t1"),
    ("authorization", "t1"), ("x-api-key", "t1"), ("api-key", "t1"), ("x-goog-api-key", " t1 "),
    ("xi-api-key", "t1"),
  ])
  func anSDKMayPutTheTokenWhereItsProviderWantsTheKey(name: String, value: String) throws {
    let headers: HTTPFields = [try #require(HTTPField.Name(name)): value]
    let found = try #require(token.token(in: headers))
    #expect(found.constantTimeEquals(SecretBytes(utf8: "t1")))
  }

  @Test func withoutATokenThereIsNone() {
    #expect(token.token(in: [.cookie: "chatelaine-session=t1", .accept: "t1"]) == nil)
  }

  @Test func nothingOfOursReachesTheProvider() throws {
    let headers = ProxyHeaders(token: token)
    var fields: HTTPFields = [
      .authorization: "Bearer ours", .cookie: "chatelaine-session=ours",
      .connection: "keep-alive, X-Hop", .contentType: "application/json", .userAgent: "sdk/1",
      .transferEncoding: "chunked", .origin: "https://portal", .acceptEncoding: "gzip",
    ]
    for name in [
      "host", "x-hop", "x-api-key", "api-key", "x-goog-api-key", "x-forwarded-for",
      "x-forwarded-host",
      "forwarded", "x-real-ip", "chatelaine-assertion-bin", "x-chatelaine-label", "te", "upgrade",
      "proxy-authorization", "sec-fetch-site", "x-request-id", "expect",
    ] {
      fields[try #require(HTTPField.Name(name))] = "ours"
    }
    fields[try #require(HTTPField.Name("openai-organization"))] = "org"
    fields[try #require(HTTPField.Name("x-stainless-lang"))] = "python"
    let sent = headers.forUpstream(fields)
    #expect(
      Set(sent.map(\.name)) == [
        "content-type", "user-agent", "accept-encoding", "openai-organization", "x-stainless-lang",
      ])
  }

  @Test func aProviderSetsNothingInOurName() {
    let headers = ProxyHeaders(token: token)
    let passed = headers.forClient([
      "Content-Type": "text/event-stream", "Set-Cookie": "a=b", "Strict-Transport-Security": "x",
      "Access-Control-Allow-Origin": "*", "Connection": "X-Hop", "X-Hop": "1",
      "Transfer-Encoding": "chunked", "Content-Length": "12", "X-RateLimit-Remaining": "7",
      "Clear-Site-Data": "*", "Alt-Svc": "h3", "Content-Encoding": "gzip", "Server": "nginx",
    ])
    #expect(
      Set(passed.map(\.name.canonicalName)) == [
        "content-type", "content-length", "x-ratelimit-remaining", "content-encoding",
      ])
  }
}
