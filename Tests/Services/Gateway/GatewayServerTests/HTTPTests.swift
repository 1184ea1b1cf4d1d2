import API
import Callers
import NIOHTTP1
import RPC
import ServiceAPI
import Testing

@testable import GatewayServer

@Suite struct HTTPTests {
  private static let json = ("content-type", "application/json")
  private static let sessionCookie = ("cookie", "chatelaine-session=\(FakeBackend.sessionToken)")
  private static let bearer = ("authorization", "Bearer \(FakeBackend.accessToken)")

  @Test func everyAnswerCarriesTheSecurityHeaders() async throws {
    try await TestGateway.run(publicOrigin: "https://portal.example") { gateway in
      let answers = [
        try await gateway.send(.GET, "/"), try await gateway.send(.GET, "/log-in"),
        try await gateway.send(.GET, "/nothing"), try await gateway.send(.GET, "/api/v1/nothing"),
        try await gateway.send(.GET, "/api/v1/me"), try await gateway.send(.PUT, "/api/v1/me"),
        try await gateway.send(.POST, "/log-in"), try await gateway.send(.GET, "/%zz"),
        try await gateway.send(.GET, "/healthz"),
        try await gateway.send(.GET, "/proxy/openai/v1/models"),
        try await gateway.send(.HEAD, "/"), try await gateway.send(.TRACE, "/"),
        try await gateway.json(.POST, "/api/v1/accounts", "{"),
      ]
      for answer in answers {
        for name in [
          "content-security-policy", "x-content-type-options", "referrer-policy",
          "cross-origin-opener-policy", "cross-origin-resource-policy", "permissions-policy",
          "strict-transport-security", "x-request-id", "cache-control",
        ] {
          #expect(answer.headers[name].count == 1, "\(name) of status \(answer.status)")
        }
        let policy = answer.headers["content-security-policy"].first ?? ""
        #expect(policy.hasPrefix("default-src 'none'"))
        #expect(!policy.contains("unsafe"))
      }
    }
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "NONSENSE\r\n\r\n",
  ])
  func aRequestThatCannotBeParsedIsAnsweredOnceAndClosed(text: String) async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.raw(text)
      #expect(answer.hasPrefix("HTTP/1.1 400"))
      #expect(answer.split(separator: "HTTP/1.1 ").count == 1)
      #expect(answer.lowercased().contains("content-security-policy"))
      #expect(answer.lowercased().contains("connection: close"))
      #expect(gateway.backend.auth.calls.isEmpty)
    }
  }

  @Test func withoutHTTPSThereIsNoPromiseOfHTTPS() async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.send(.GET, "/")
      #expect(answer.headers["strict-transport-security"].isEmpty)
    }
  }

  @Test func errorsAreProblemsForProgramsAndPagesForPeople() async throws {
    try await TestGateway.run { gateway in
      let problem = try await gateway.send(.GET, "/api/v1/nothing")
      #expect(problem.status == 404)
      #expect(problem.headers["content-type"] == ["application/problem+json"])
      #expect(problem.body.contains("\"status\":404"))
      let page = try await gateway.send(.GET, "/nothing")
      #expect(page.status == 404)
      #expect(page.headers["content-type"] == ["text/html; charset=utf-8"])
      #expect(page.body.contains("<h1>Page not found</h1>"))
    }
  }

  @Test func aWrongVerbIsToldTheRightOnes() async throws {
    try await TestGateway.run { gateway in
      let me = try await gateway.send(.PUT, "/api/v1/me")
      #expect(me.status == 405)
      #expect(me.headers["allow"] == ["GET, HEAD, OPTIONS"])
      let trace = try await gateway.send(.TRACE, "/api/v1/me")
      #expect(trace.status == 405)
      let enable = try await gateway.send(.GET, "/api/v1/provider-configs/7:enable")
      #expect(enable.headers["allow"] == ["OPTIONS, POST"])
    }
  }

  @Test func headAnswersAsGetWithoutABody() async throws {
    try await TestGateway.run { gateway in
      let get = try await gateway.send(.GET, "/")
      let head = try await gateway.send(.HEAD, "/")
      #expect(head.status == 200)
      #expect(head.body.isEmpty)
      #expect(head.headers["content-length"] == get.headers["content-length"])
    }
  }

  @Test func anAccountIsCreatedAndABadPasswordIsNamed() async throws {
    try await TestGateway.run { gateway in
      let created = try await gateway.json(
        .POST, "/api/v1/accounts",
        #"{"email":"someone@example.com","password":"quiet harbour lantern"}"#)
      #expect(created.status == 201)
      #expect(created.body.contains("someone@example.com"))
      let refused = try await gateway.json(
        .POST, "/api/v1/accounts", #"{"email":"someone@example.com","password":"short"}"#)
      #expect(refused.status == 400)
      #expect(refused.body.contains(#""field":"password""#))
    }
  }

  @Test func aBodyMustBeJSONAndNotTooLarge() async throws {
    try await TestGateway.run { gateway in
      let text = try await gateway.send(
        .POST, "/api/v1/sessions", headers: [("content-type", "text/plain")], body: "{}")
      #expect(text.status == 415)
      let large = try await gateway.json(
        .POST, "/api/v1/sessions", String(repeating: " ", count: JSONRoutes.bodyBytesMax + 1))
      #expect(large.status == 413)
    }
  }

  @Test func aSessionIsACookieAndItsTokenIsNowhereElse() async throws {
    try await TestGateway.run(publicOrigin: "https://portal.example") { gateway in
      let answer = try await gateway.json(
        .POST, "/api/v1/sessions",
        #"{"email":"\#(FakeBackend.email)","password":"\#(FakeBackend.password)"}"#)
      #expect(answer.status == 201)
      #expect(!answer.body.contains(FakeBackend.sessionToken))
      #expect(answer.body.contains("\"csrfToken\""))
      #expect(answer.body.contains("\"expireTime\":\"2096-10-02T07:06:40Z\""))
      let cookie = try #require(answer.headers["set-cookie"].first)
      #expect(cookie.hasPrefix("__Host-chatelaine-session=\(FakeBackend.sessionToken);"))
      for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        #expect(cookie.contains(attribute))
      }
    }
  }

  @Test func aSessionEndsAndItsCookieGoes() async throws {
    try await TestGateway.run { gateway in
      let csrf = try await csrfToken(gateway)
      let answer = try await gateway.send(
        .DELETE, "/api/v1/sessions/current",
        headers: [Self.sessionCookie, ("x-csrf-token", csrf)])
      #expect(answer.status == 204)
      #expect(answer.cookie("chatelaine-session") == "")
      let me = try await gateway.send(.GET, "/api/v1/me", headers: [Self.sessionCookie])
      #expect(me.status == 401)
      #expect(me.headers["www-authenticate"].count == 1)
    }
  }

  private func csrfToken(_ gateway: TestGateway) async throws -> String {
    let answer = try await gateway.json(
      .POST, "/api/v1/sessions",
      #"{"email":"\#(FakeBackend.email)","password":"\#(FakeBackend.password)"}"#)
    let rest = try #require(answer.body.split(separator: "\"csrfToken\":\"").last)
    return String(rest.prefix { $0 != "\"" })
  }

  @Test func aStateChangeByCookieNeedsTheTokenAndOurOrigin() async throws {
    try await TestGateway.run { gateway in
      let csrf = try await csrfToken(gateway)
      let path = "/api/v1/provider-configs/7:enable"
      func status(_ headers: [(String, String)]) async throws -> Int {
        try await gateway.send(.POST, path, headers: headers).status
      }
      #expect(try await status([]) == 401)
      #expect(try await status([Self.sessionCookie]) == 403)
      #expect(try await status([Self.sessionCookie, ("x-csrf-token", "x" + csrf)]) == 403)
      #expect(try await status([Self.sessionCookie, ("x-csrf-token", csrf)]) == 200)
      #expect(
        try await status([
          Self.sessionCookie, ("x-csrf-token", csrf), ("origin", "https://evil.example"),
        ]) == 403)
      #expect(
        try await status([
          Self.sessionCookie, ("x-csrf-token", csrf), ("sec-fetch-site", "cross-site"),
        ]) == 403)
      // Each was recorded for whoever's session it was; a session that is over has nobody's log.
      #expect(gateway.backend.forgeries == Array(repeating: "POST \(path)", count: 4))
      #expect(try await status([Self.bearer]) == 200)
      #expect(try await status([("authorization", "Bearer wrong")]) == 401)
      #expect(try await status([("authorization", "Basic abc"), Self.sessionCookie]) == 401)
    }
  }

  @Test func theServicesGetTheAssertionAndWhereTheRequestCameFrom() async throws {
    try await TestGateway.run(trusting: ["127.0.0.1"]) { gateway in
      let answer = try await gateway.send(
        .GET, "/api/v1/provider-configs",
        headers: [
          Self.bearer, ("x-forwarded-for", "203.0.113.9"), ("x-request-id", "from-the-proxy"),
          ("user-agent", "test/1"), ("chatelaine-client-ip", "6.6.6.6"),
        ])
      #expect(answer.status == 200)
      #expect(answer.headers["x-request-id"] == ["from-the-proxy"])
      let call = try #require(gateway.backend.vault.calls.last)
      #expect(call.metadata.bytes(CallMetadata.assertion) == FakeBackend.assertion)
      #expect(call.metadata[CallMetadata.clientIP] == "203.0.113.9")
      #expect(call.metadata[CallMetadata.requestID] == "from-the-proxy")
      #expect(call.metadata.bytes(CallMetadata.userAgent) == Array("test/1".utf8))
    }
  }

  @Test func aStrangersWordAboutItselfIsNotTaken() async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.send(
        .GET, "/api/v1/provider-configs",
        headers: [Self.bearer, ("x-forwarded-for", "203.0.113.9"), ("x-request-id", "mine")])
      #expect(answer.headers["x-request-id"] != ["mine"])
      let call = try #require(gateway.backend.vault.calls.last)
      #expect(call.metadata[CallMetadata.clientIP] == "127.0.0.1")
    }
  }

  @Test func aDeletionAnswersWithNothing() async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.send(
        .DELETE, "/api/v1/provider-configs/7", headers: [Self.bearer])
      #expect(answer.status == 204)
      #expect(answer.body.isEmpty)
    }
  }

  @Test func anEndpointThatReachesInwardsIsRefusedWhereItIsGiven() async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.json(
        .POST, "/api/v1/provider-configs", headers: [Self.bearer],
        #"{"provider":"custom","label":"x","apiKey":"k","baseUrl":"https://169.254.169.254"}"#)
      #expect(answer.status == 400)
      #expect(answer.body.contains(#""field":"baseUrl""#))
      let query = try await gateway.json(
        .POST, "/api/v1/provider-configs?apiKey=secret", headers: [Self.bearer],
        #"{"provider":"openai","apiKey":"k"}"#)
      #expect(query.status == 400)
    }
  }

  @Test func readinessSaysWhichServiceIsMissing() async throws {
    try await TestGateway.run { gateway in
      let alive = try await gateway.send(.GET, "/healthz")
      #expect(alive.status == 200)
      let ready = try await gateway.send(.GET, "/readyz")
      #expect(ready.status == 200)
      gateway.backend.vault.stop()
      let notReady = try await gateway.send(.GET, "/readyz")
      #expect(notReady.status == 503)
      #expect(notReady.body.contains(#""vault":"unreachable""#))
    }
  }
}
