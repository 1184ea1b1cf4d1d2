import Cryptography
import HTTPTypes
import NIOHTTP1
import Providers
import Testing

@testable import GatewayServer

@Suite struct ProxyRulesTests {
  let token = ProxyToken(catalogue: .standard)

  @Test(
    arguments: [
      ("openai", nil, "/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
      (
        "custom", "http://127.0.0.1:9/v1", "/v1/chat/completions",
        "http://127.0.0.1:9/v1/chat/completions"
      ),
      ("custom", "http://127.0.0.1:9", "/v1/models", "http://127.0.0.1:9/v1/models"),
      (
        "custom", "https://llm.example.com/api/v1", "/v1/models",
        "https://llm.example.com/api/v1/models"
      ),
      (
        "custom", "https://llm.example.com/api", "/v1/models",
        "https://llm.example.com/api/v1/models"
      ),
      (
        "custom", "https://llm.example.com/v1", "/v10/models",
        "https://llm.example.com/v1/v10/models"
      ),
      ("custom", "https://llm.example.com/v1", "/v1", "https://llm.example.com/v1"),
      (
        "google", nil, "/v1beta/models/gemini:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/gemini:generateContent"
      ),
    ] as [(String, String?, String, String)])
  func thePathIsJoinedToTheBase(
    provider: String, base: String?, path: String, url: String
  ) throws {
    let provider = try #require(ProviderCatalogue.standard.provider(id: provider))
    let endpoint = try EndpointURL(try #require(base ?? provider.defaultBaseURL))
    let target = ProxyTarget(provider: provider, label: "", path: path, query: "a=b%20c")
    #expect(target.url(on: endpoint) == url + "?a=b%20c")
  }

  @Test func thePurposeHasNoQueryAndALimit() throws {
    let provider = try #require(ProviderCatalogue.standard.provider(id: "openai"))
    let target = ProxyTarget(
      provider: provider, label: "", path: "/v1/models", query: "secret=1")
    #expect(target.purpose("GET") == "GET /v1/models")
    let long = ProxyTarget(
      provider: provider, label: "", path: "/" + String(repeating: "a", count: 900), query: nil)
    #expect(long.purpose("POST").utf8.count == ProxyTarget.purposeBytesMax)
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
