import Edge
import HTTPTypes
import NIOHTTP1
import Providers
import RPC
import Testing

@testable import Proxy

@Suite struct ProxyRulesTests {
  let headers = ProxyHeaders(credentials: CredentialFields(catalogue: .standard))

  private func sent(_ pairs: [(String, String)]) throws -> HTTPHeaders {
    var fields = HTTPFields()
    for (name, value) in pairs {
      fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
    }
    return headers.forUpstream(fields, without: try #require(ProxyToken("chat_ours")))
  }

  @Test func thePurposeHasALimit() {
    #expect(ProxyRoutes.purpose(verb: "GET", path: "/v1/models") == "GET /v1/models")
    let long = "/" + String(repeating: "a", count: 900)
    #expect(
      ProxyRoutes.purpose(verb: "POST", path: long).utf8.count == ProxyRoutes.purposeBytesMax)
  }

  // MARK: To the provider

  @Test(arguments: [
    "authorization", "cookie", "origin", "transfer-encoding", "host", "x-hop", "x-api-key",
    "api-key", "x-goog-api-key", "xi-api-key", "x-forwarded-for", "x-forwarded-host", "forwarded",
    "x-real-ip", "chatelaine-assertion-bin", "x-chatelaine-label", "te", "upgrade",
    "proxy-authorization", "sec-fetch-site", "expect", "referer",
    "x-client-ip", "fastly-client-ip", "x-azure-clientip", "cf-connecting-ip",
    "cf-connecting-ipv6", "true-client-ip", "x-envoy-external-address", "x-cluster-client-ip",
    "x-original-forwarded-for", "forwarded-for", "x-forwarded", "x-remote-user", "remote-user",
    "x-auth-request-email", "x-amzn-oidc-identity", "x-amzn-oidc-data", "x-appengine-user-ip",
    "x-goog-authenticated-user-email", "x-goog-iap-jwt-assertion", "cf-access-jwt-assertion",
    "x-ms-client-principal-name", "tailscale-user-login", "wl-proxy-client-ip", "x-remote-addr",
    "do-connecting-ip", "cf-ipcountry", "x-original-url", "x-authentik-email",
    "x-originating-ip", "cloudfront-viewer-address", "x-amzn-mtls-clientcert",
    "x-consumer-username",
    "x-ms-token-aad-access-token", "fly-region",
  ])
  func whoTheClientIsStaysHere(name: String) throws {
    let sent = try sent([("connection", "keep-alive, X-Hop"), (name, "something")])
    #expect(sent.map(\.name) == ["via"])
  }

  @Test(arguments: [
    "content-type", "user-agent", "accept-encoding", "openai-organization", "openai-project",
    "x-stainless-lang", "x-stainless-retry-count", "idempotency-key", "anthropic-version",
    "anthropic-dangerous-direct-browser-access", "http-referer", "x-title", "x-dashscope-sse",
    "traceparent", "x-request-id", "x-client-request-id", "x-goog-api-client",
    "x-goog-user-project",
    "helicone-auth", "cf-aig-authorization", "x-ms-client-request-id", "x-goog-upload-protocol",
  ])
  func whatIsForTheProviderPasses(name: String) throws {
    #expect(try sent([(name, "something")])[name] == ["something"])
  }

  @Test func noFieldTakesTheTokenAlong() throws {
    let sent = try sent([
      ("helicone-auth", "Bearer chat_ours"), ("x-anything", "a chat_ours b"),
      ("x-escaped", "chat%5Fours"), ("chat_ours", "1"), ("user-agent", "chat_ours/1"),
      ("sec-websocket-protocol", "realtime, openai-insecure-api-key.chat_ours, beta.v1"),
      ("x-other", "chat_theirs"),
    ])
    #expect(sent["sec-websocket-protocol"] == ["realtime, beta.v1"])
    #expect(Set(sent.map(\.name)) == ["sec-websocket-protocol", "x-other", "via"])
  }

  @Test(arguments: [
    ("1.1 chatelaine", true), ("1.0 fred, 1.1 chatelaine", true), ("HTTP/2 Chatelaine:8080", true),
    ("1.1 chatelaine (portal)", true), ("1.1 vegur", false), ("chatelaine", false), ("", false),
    ("1.1 my-chatelaine", false),
  ])
  func aRequestThatWasHereBeforeIsNoticed(via: String, hasComeBack: Bool) throws {
    let fields: HTTPFields = [try #require(HTTPField.Name("via")): via]
    #expect(ProxyHeaders.haveComeBack(fields) == hasComeBack)
    #expect(try sent([("via", via)])["via"] == ["1.1 chatelaine"])
  }

  // MARK: To the client

  @Test func aProviderSetsNothingInOurName() {
    let passed = headers.forClient([
      "Content-Type": "text/event-stream", "Set-Cookie": "a=b", "Strict-Transport-Security": "x",
      "Access-Control-Allow-Origin": "*", "Connection": "X-Hop", "X-Hop": "1",
      "Transfer-Encoding": "chunked", "Content-Length": "12", "X-RateLimit-Remaining": "7",
      "Clear-Site-Data": "*", "Alt-Svc": "h3", "Content-Encoding": "gzip", "Server": "nginx",
      "X-Request-Id": "req_1", "X-Chatelaine-Request-Id": "forged", "Location": "/v1/x",
    ])
    #expect(
      Set(passed.map(\.name.canonicalName)) == [
        "content-type", "content-length", "x-ratelimit-remaining", "content-encoding",
        "x-request-id",
      ])
  }

  // MARK: What clients are told

  private let problems = ProxyProblem(publicOrigin: "https://keys.example", requestBytesMax: 1_024)

  @Test(arguments: [
    (
      "xai", "no key for xAI is stored",
      "no key for xAI is stored. Add one at https://keys.example/providers/new?provider=xai"
    ),
    (
      "xai", "there is no such provider configuration",
      "no such key for xAI is stored. Add one at https://keys.example/providers/new?provider=xai"
    ),
  ])
  func aMissingKeyIsNamedWithWhatToDo(provider: String, said: String, text: String) throws {
    let provider = try #require(ProviderCatalogue.standard.provider(id: provider))
    let problem = problems.opening(RPCError(.notFound, said), provider)
    #expect(problem.status == .notFound && problem.detail == text)
  }

  @Test func aStateThatRepeatingDoesNotChangeIsNotRepeated() throws {
    let provider = try #require(ProviderCatalogue.standard.provider(id: "openai"))
    let disabled = problems.opening(
      RPCError(.failedPrecondition, "it is disabled"), provider)
    for problem in [disabled, problems.told(Problem(.conflict, "no endpoint"))] {
      #expect(problem.status == .forbidden && problem.headers[.shouldRetry] == "false")
    }
    let late = problems.unanswered(Problem(.gatewayTimeout, "late"))
    #expect(late.status == .gatewayTimeout && late.headers[.shouldRetry] == "false")
    #expect(problems.unanswered(Problem(.badGateway, "once")).headers[.shouldRetry] == nil)
  }

  @Test func aLimitNamesItsSetting() {
    let problem = problems.told(.tooLarge(limitBytes: 1_024))
    #expect(problem.detail.contains("1024") && problem.detail.contains("PROXY_BODY_BYTES_MAX"))
  }

  @Test func anUnknownProviderIsAnsweredWithTheKnown() {
    let problem = problems.unknownProvider("opnai", .standard)
    #expect(problem.detail.contains("'opnai'") && problem.detail.contains("openai, anthropic"))
    let endless = problems.unknownProvider(String(repeating: "a", count: 999), .standard)
    #expect(!endless.detail.contains("aaaa"))
  }
}
