import Edge
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Testing

@testable import GatewayServer

/// Pages of other sites, as a browser sees them (CORS).
@Suite struct CrossOriginTests {
  private static let site = "https://chat.example"
  private static let path = "/proxy/custom/lab/v1/chat/completions"
  private static let bearer = ("authorization", "Bearer \(FakeBackend.accessToken)")
  private static let preflightFields = [
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization,content-type,X-Stainless-OS, not a name"),
  ]

  private func run(
    allowing origins: [String], _ body: @escaping @Sendable (TestGateway) async throws -> Void
  ) async throws {
    try await TestUpstream.run({ _ in
      Response(
        status: .ok,
        headers: [.accessControlAllowOrigin: "https://provider.example", .vary: "Accept"],
        body: .init(byteBuffer: ByteBuffer(string: "{}")))
    }) { upstream in
      try await TestGateway.run(
        allowing: ["127.0.0.1:\(upstream.port)"],
        configure: { for origin in origins { _ = $0.crossOrigin.allow(origin) } }
      ) { gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: "k", baseURL: "http://127.0.0.1:\(upstream.port)")
        try await body(gateway)
      }
    }
  }

  private static func preflight(
    _ gateway: TestGateway, _ path: String, from origin: String = site
  ) async throws -> TestGateway.Answer {
    try await gateway.send(
      .OPTIONS, path, headers: [("origin", origin)] + preflightFields)
  }

  @Test(arguments: [path, "/api/v1/provider-configs"])
  func aListedPageMayAsk(path: String) async throws {
    try await run(allowing: ["https://other.example", Self.site]) { gateway in
      let answer = try await Self.preflight(gateway, path)
      #expect(answer.status == 204)
      #expect(answer.body.isEmpty)
      #expect(answer.headers["access-control-allow-origin"] == [Self.site])
      #expect(
        answer.headers["access-control-allow-headers"]
          == ["authorization, content-type, x-stainless-os"])
      let verbs = answer.headers["access-control-allow-methods"].joined()
      #expect(verbs.contains("POST"))
      #expect(verbs.contains("DELETE") == (path == Self.path))
      #expect(answer.headers["access-control-max-age"] == ["7200"])
      #expect(answer.headers["vary"] == ["Origin"])
      #expect(answer.headers["access-control-allow-credentials"].isEmpty)
      #expect(gateway.backend.auth.calls.isEmpty)
    }
  }

  @Test func aListedPageReadsAnswersAndErrors() async throws {
    try await run(allowing: [Self.site]) { gateway in
      let origin = ("origin", Self.site)
      let answers = [
        try await gateway.send(.POST, Self.path, headers: [Self.bearer, origin], body: "{}"),
        try await gateway.send(.POST, Self.path, headers: [origin], body: "{}"),
        try await gateway.send(.GET, "/api/v1/me", headers: [Self.bearer, origin]),
        try await gateway.send(.GET, "/api/v1/nothing", headers: [origin]),
      ]
      #expect(answers.map(\.status) == [200, 401, 200, 404])
      for answer in answers {
        #expect(answer.headers["access-control-allow-origin"] == [Self.site])
        #expect(answer.headers["access-control-expose-headers"] == ["*"])
        #expect(answer.headers["cross-origin-resource-policy"] == ["cross-origin"])
        #expect(answer.headers["vary"].contains("Origin"))
      }
      #expect(answers[0].headers["vary"] == ["Accept", "Origin"])
    }
  }

  /// Another name, another scheme, another port, a name that ends alike, and no name at all.
  @Test(arguments: [
    "https://evil.example", "http://chat.example", "https://chat.example:444",
    "https://evilchat.example", "https://chat.example.evil.example", "null", "",
  ])
  func whoeverIsNotListedReadsNothing(origin: String) async throws {
    try await run(allowing: [Self.site]) { gateway in
      let preflight = try await Self.preflight(gateway, Self.path, from: origin)
      #expect(preflight.status == 403)
      #expect(preflight.body.contains(CrossOriginAccess.variable))
      let answer = try await gateway.send(
        .POST, Self.path, headers: [Self.bearer, ("origin", origin)], body: "{}")
      for headers in [preflight.headers, answer.headers] {
        #expect(headers["access-control-allow-origin"].isEmpty)
        #expect(headers["cross-origin-resource-policy"] == ["same-origin"])
        #expect(headers["vary"].contains("Origin"))
      }
    }
  }

  @Test func withoutTheSettingTheRefusalNamesIt() async throws {
    try await run(allowing: []) { gateway in
      for path in [Self.path, "/api/v1/me"] {
        let preflight = try await Self.preflight(gateway, path)
        #expect(preflight.status == 403)
        #expect(preflight.headers["content-type"] == ["application/problem+json"])
        #expect(preflight.body.contains(CrossOriginAccess.variable))
      }
      let answer = try await gateway.send(
        .POST, Self.path, headers: [Self.bearer, ("origin", Self.site)], body: "{}")
      #expect(answer.status == 200)
      #expect(answer.headers["access-control-allow-origin"].isEmpty)
      #expect(answer.headers["vary"] == ["Accept"])
      // Not a question of a browser's: whoever asks learns the verbs.
      let options = try await gateway.send(.OPTIONS, Self.path)
      #expect(options.status == 204)
      #expect(options.headers["access-control-allow-origin"].isEmpty)
      #expect(options.headers["allow"].first?.contains("POST") == true)
    }
  }

  @Test func anyPageMayWhereTheOperatorSaysSo() async throws {
    try await run(allowing: ["*"]) { gateway in
      let preflight = try await Self.preflight(gateway, Self.path, from: "app://somewhere")
      #expect(preflight.status == 204)
      #expect(preflight.headers["access-control-allow-origin"] == ["*"])
      #expect(preflight.headers["vary"].isEmpty)
    }
  }

  /// Pages are for people, and a cookie is nothing that another site may use.
  @Test func neitherPagesNorCookiesAreForOtherSites() async throws {
    try await run(allowing: [Self.site, "*"]) { gateway in
      let origin = ("origin", Self.site)
      let refused = try await Self.preflight(gateway, "/log-in")
      #expect(refused.headers.allSatisfy { !$0.name.lowercased().hasPrefix("access-control-") })
      let page = try await gateway.send(.GET, "/log-in", headers: [origin])
      #expect(page.headers["access-control-allow-origin"].isEmpty)
      #expect(page.headers["cross-origin-resource-policy"] == ["same-origin"])
      let logIn = try await gateway.json(
        .POST, "/api/v1/sessions", headers: [origin],
        #"{"email":"\#(FakeBackend.email)","password":"\#(FakeBackend.password)"}"#)
      #expect(logIn.status == 403)
      #expect(logIn.headers["set-cookie"].isEmpty)
      #expect(logIn.headers["access-control-allow-credentials"].isEmpty)
    }
  }

  @Test(arguments: [
    ("https://a.example", true), ("HTTPS://A.Example:443", true), ("http://localhost:5173", true),
    ("http://[::1]:80", true), ("chrome-extension://abcdef", true), ("tauri://localhost", true),
    ("*", true), ("https://a.example/", false), ("https://a.example/app", false),
    ("a.example", false), ("https://", false), ("https://user@a.example", false),
    ("https://*.example", false), ("null", false), ("https://a.example:", false),
    ("https://b\u{E4}r.example", false), ("1http://a.example", false), ("", false),
  ])
  func onlyOriginsAreListed(entry: String, isTaken: Bool) {
    var access = CrossOriginAccess()
    #expect(access.allow(entry) == isTaken)
  }
}
