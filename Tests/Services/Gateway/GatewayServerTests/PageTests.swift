import Encodings
import NIOHTTP1
import Testing

@testable import GatewayServer

@Suite struct PageTests {
  private static let sessionCookie = "chatelaine-session=\(FakeBackend.sessionToken)"

  /// What a browser would find in a page's form.
  private func formToken(_ answer: TestGateway.Answer) throws -> String {
    let rest = try #require(
      answer.body.split(separator: "name=\"csrf\" value=\"").dropFirst().first)
    return String(rest.prefix { $0 != "\"" })
  }

  @Test func strangersAreSentToTheLogIn() async throws {
    try await TestGateway.run { gateway in
      for path in ["/providers", "/providers/new", "/access-tokens", "/audit"] {
        let answer = try await gateway.send(.GET, path)
        #expect(answer.status == 303)
        #expect(answer.headers["location"] == ["/log-in?next=\(PercentCoding.encode(path))"])
      }
      let landing = try await gateway.send(.GET, "/")
      #expect(landing.status == 200)
      #expect(landing.body.contains("Create an account"))
    }
  }

  @Test func everyPageHasALanguageATitleASkipLinkAndNothingInline() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.store(provider: "openai", label: "default", key: "k")
      let id = "00000000-0000-4000-8000-000000000001"
      for path in [
        "/providers", "/providers/new", "/providers/\(id)", "/providers/delete?id=\(id)",
        "/api/docs", "/providers/import",
        "/access-tokens", "/audit", "/settings", "/status", "/log-out", "/nothing",
        "/dev/components",
      ] {
        let page = try await gateway.send(.GET, path, headers: [("cookie", Self.sessionCookie)])
        #expect(page.body.contains("<html lang=\"en\""), "\(path)")
        #expect(page.body.contains("Chatelaine</title>"), "\(path)")
        #expect(page.body.contains("href=\"#main\""), "\(path)")
        let scripts = page.body.split(separator: "<script").dropFirst()
        #expect(scripts.allSatisfy { $0.hasPrefix(" type=\"module\" src=\"/assets/") }, "\(path)")
        #expect(scripts.allSatisfy { $0.contains("></script>") }, "\(path)")
        #expect(!page.body.contains("style=") && !page.body.contains("<style"), "\(path)")
        #expect(!page.body.contains(" onclick=") && !page.body.contains("javascript:"), "\(path)")
        #expect(!page.body.contains("{{"), "\(path)")
        #expect(page.body.split(separator: "<h1").count == 2, "\(path)")
      }
    }
  }

  @Test func aPersonLogsIn() async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.send(.GET, "/log-in")
      let cookie = "chatelaine-form=\(try #require(page.cookie("chatelaine-form")))"
      let token = try formToken(page)
      let wrong = try await gateway.form(
        "/log-in", cookies: [cookie],
        [("csrf", token), ("email", FakeBackend.email), ("password", "not this one")])
      #expect(wrong.status == 422)
      #expect(wrong.body.contains("is wrong"))
      #expect(wrong.body.contains(FakeBackend.email))
      #expect(!wrong.body.contains("not this one"))
      let right = try await gateway.form(
        "/log-in", cookies: [cookie],
        [("csrf", token), ("email", FakeBackend.email), ("password", FakeBackend.password)])
      #expect(right.status == 303)
      #expect(right.headers["location"] == ["/"])
      #expect(right.cookie("chatelaine-session") == FakeBackend.sessionToken)
    }
  }

  @Test func aFormFromElsewhereIsRefused() async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.send(.GET, "/log-in")
      let cookie = "chatelaine-form=\(try #require(page.cookie("chatelaine-form")))"
      let fields = [
        ("csrf", try formToken(page)), ("email", FakeBackend.email),
        ("password", FakeBackend.password),
      ]
      #expect(
        try await gateway.form(
          "/log-in", cookies: [cookie], headers: [("origin", "https://evil.example")], fields
        ).status == 403)
      #expect(
        try await gateway.form(
          "/providers/new", cookies: [Self.sessionCookie], [("csrf", "x"), ("provider", "openai")]
        ).status == 403)
      #expect(gateway.backend.forgeries == ["POST /providers/new"])
      let text = try await gateway.send(
        .POST, "/log-in", headers: [("content-type", "text/plain"), ("cookie", cookie)],
        body: "csrf=x")
      #expect(text.status == 415)
    }
  }

  @Test func aWrongFieldIsExplainedBesideItAndSecretsDoNotComeBack() async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.send(
        .GET, "/providers/new", headers: [("cookie", Self.sessionCookie)])
      let answer = try await gateway.form(
        "/providers/new", cookies: [Self.sessionCookie],
        [
          ("csrf", try formToken(page)), ("provider", "custom"), ("label", "lab"),
          ("apiKey", "very-secret-key"), ("baseUrl", "http://10.0.0.1/v1"),
        ])
      #expect(answer.status == 422)
      #expect(answer.body.contains("id=\"baseUrl-error\""))
      #expect(answer.body.contains("aria-describedby=\"baseUrl-error baseUrl-hint\""))
      #expect(answer.body.contains("value=\"lab\""))
      #expect(answer.body.contains("http://10.0.0.1/v1"))
      #expect(!answer.body.contains("very-secret-key"))
      #expect(answer.body.contains("value=\"custom\" data-prefixes=\"\" checked"))
    }
  }

  @Test func afterAChangeTheNextPageSaysSoOnce() async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.send(
        .GET, "/providers/new", headers: [("cookie", Self.sessionCookie)])
      let answer = try await gateway.form(
        "/providers/new", cookies: [Self.sessionCookie],
        [("csrf", try formToken(page)), ("provider", "openai"), ("apiKey", "sk-1")])
      #expect(answer.status == 303)
      let notice = try #require(answer.cookie("chatelaine-notice"))
      let next = try await gateway.send(
        .GET, "/providers",
        headers: [("cookie", "\(Self.sessionCookie); chatelaine-notice=\(notice)")])
      #expect(next.body.contains("The key is stored."))
      #expect(next.cookie("chatelaine-notice") == "")
      let forged = try await gateway.send(
        .GET, "/providers",
        headers: [("cookie", "\(Self.sessionCookie); chatelaine-notice=Call+this+number")])
      #expect(!forged.body.contains("Call"))
    }
  }

  @Test func whatOthersWroteIsShownAsText() async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.send(.GET, "/audit", headers: [("cookie", Self.sessionCookie)])
      #expect(page.status == 200)
      #expect(!page.body.contains("<script>"))
      #expect(page.body.contains("&lt;script&gt;"))
      #expect(page.body.contains("Failed"))
      #expect(page.body.contains("datetime=\"2026-11-23T21:35:00Z\""))
    }
  }

  @Test func aTokenIsShownOnceBehindARedirectWithAnExample() async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.send(
        .GET, "/access-tokens", headers: [("cookie", Self.sessionCookie)])
      let answer = try await gateway.form(
        "/access-tokens", cookies: [Self.sessionCookie],
        [("csrf", try formToken(page)), ("name", "Notebook"), ("expiresIn", "30")])
      #expect(answer.status == 303)
      #expect(answer.headers["location"] == ["/access-tokens/new/t1"])
      let sealed = try #require(answer.cookie("chatelaine-token"))
      #expect(!sealed.contains("chat_"))
      let once = try await gateway.send(
        .GET, "/access-tokens/new/t1",
        headers: [("cookie", "\(Self.sessionCookie); chatelaine-token=\(sealed)")])
      #expect(once.body.contains(FakeBackend.accessToken))
      #expect(once.body.contains("http://portal.example/proxy/openai/v1"))
      #expect(once.body.contains("Waiting for the first request"))
      #expect(once.headers["cache-control"] == ["no-store"])
      #expect(once.cookie("chatelaine-token") == "")
      let again = try await gateway.send(
        .GET, "/access-tokens/new/t1", headers: [("cookie", Self.sessionCookie)])
      #expect(again.body.contains("was shown already"))
      #expect(!again.body.contains(FakeBackend.accessToken))
      // Sealed for another session, or for another token, it opens nowhere.
      let changed = (sealed.first == "A" ? "B" : "A") + sealed.dropFirst()
      let other = try await gateway.send(
        .GET, "/access-tokens/new/t1",
        headers: [("cookie", "\(Self.sessionCookie); chatelaine-token=\(changed)")])
      #expect(!other.body.contains(FakeBackend.accessToken))
    }
  }

  @Test func theStylesheetMayBeKeptForEver() async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.send(.GET, "/")
      let rest = try #require(page.body.split(separator: "stylesheet\" href=\"").dropFirst().first)
      let sheet = try await gateway.send(.GET, String(rest.prefix { $0 != "\"" }))
      #expect(sheet.status == 200)
      #expect(sheet.headers["content-type"] == ["text/css; charset=utf-8"])
      #expect(sheet.headers["cache-control"].first?.contains("immutable") == true)
    }
  }
}
