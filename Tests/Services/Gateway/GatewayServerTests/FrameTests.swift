import Encodings
import NIOCore
import NIOHTTP1
import RPC
import TestSupport
import Testing

@testable import GatewayServer

/// What stands around every page, and how people get from one to the next.
@Suite struct FrameTests {
  private static let session = ("cookie", "chatelaine-session=\(FakeBackend.sessionToken)")
  private static let endedSession = ("cookie", "chatelaine-session=another-token")

  private func formToken(_ answer: TestGateway.Answer) throws -> String {
    let rest = try #require(
      answer.body.split(separator: "name=\"csrf\" value=\"").dropFirst().first)
    return String(rest.prefix { $0 != "\"" })
  }

  // MARK: Errors

  @Test(arguments: ["/nothing", "/providers/00000000-0000-4000-8000-00000000000f"])
  func aPageThatIsNotThereKeepsThePersonsFrame(path: String) async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.send(.GET, path, headers: [Self.session])
      #expect(page.status == 404)
      #expect(page.body.contains("Page not found"))
      #expect(page.body.contains(FakeBackend.email))
      #expect(page.body.contains("Log out"))
      let stranger = try await gateway.send(.GET, "/nothing")
      #expect(!stranger.body.contains("Log out"))
      #expect(stranger.body.contains("Create") == false)
      #expect(stranger.body.contains("Sign up"))
    }
  }

  @Test func whoeverCannotBeNamedIsNotShownAsAStranger() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.auth.stop()
      let page = try await gateway.send(.GET, "/providers", headers: [Self.session])
      #expect(page.status == 503)
      #expect(page.body.contains("Nothing was lost."))
      #expect(page.body.contains("href=\"/providers\">Try again"))
      #expect(!page.body.contains("Log in"))
    }
  }

  @Test func aFormThatIsOutOfDateLeadsBackToItsPage() async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.form(
        "/providers/new", cookies: [Self.session.1], [("csrf", "x"), ("provider", "openai")])
      #expect(page.status == 403)
      #expect(page.body.contains("This form is out of date"))
      #expect(page.body.contains("href=\"/providers/new\">Back to the form"))
      #expect(page.body.contains("You are logged in as \(FakeBackend.email)"))
    }
  }

  @Test func anAddressThatOnlyTakesAFormSaysSo() async throws {
    try await TestGateway.run { gateway in
      let id = "00000000-0000-4000-8000-000000000001"
      let page = try await gateway.send(.GET, "/providers/\(id)/enable", headers: [Self.session])
      #expect(page.status == 405)
      #expect(page.headers["allow"] == ["OPTIONS, POST"])
      #expect(page.body.contains("This address only takes a form"))
    }
  }

  // MARK: Log-in and back

  @Test func aDeepLinkSurvivesTheLogIn() async throws {
    try await TestGateway.run { gateway in
      let place = "/audit?action=session.create&outcome=failure"
      let sent = try await gateway.send(.GET, place)
      let logIn = "/log-in?next=\(PercentCoding.encode(place))"
      #expect(sent.headers["location"] == [logIn])
      let page = try await gateway.send(.GET, logIn)
      #expect(page.body.contains("value=\"/audit?action=session.create&amp;outcome=failure\""))
      let cookie = "chatelaine-form=\(try #require(page.cookie("chatelaine-form")))"
      let answer = try await gateway.form(
        "/log-in", cookies: [cookie],
        [
          ("csrf", try formToken(page)), ("next", place), ("email", FakeBackend.email),
          ("password", FakeBackend.password),
        ])
      #expect(answer.headers["location"] == [place])
    }
  }

  @Test(arguments: ["//evil.example", "https://evil.example/", "/\\evil.example", "/log-out", "x"])
  func aLogInLeadsNowhereElse(next: String) async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.send(.GET, "/log-in?next=\(PercentCoding.encode(next))")
      #expect(!page.body.contains("name=\"next\""))
      let cookie = "chatelaine-form=\(try #require(page.cookie("chatelaine-form")))"
      let answer = try await gateway.form(
        "/log-in", cookies: [cookie],
        [
          ("csrf", try formToken(page)), ("next", next), ("email", FakeBackend.email),
          ("password", FakeBackend.password),
        ])
      #expect(answer.headers["location"] == ["/"])
    }
  }

  @Test func whatWasTypedWhenASessionEndedIsKeptButTheSecret() async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.form(
        "/providers/new", cookies: [Self.endedSession.1],
        [("csrf", "x"), ("provider", "groq"), ("label", "lab"), ("apiKey", "gsk_secret")])
      #expect(answer.status == 303)
      #expect(answer.cookie("chatelaine-notice") == "session-ended")
      let place = try #require(answer.headers["location"].first)
      #expect(
        place == "/log-in?next=\(PercentCoding.encode("/providers/new?provider=groq&label=lab"))")
      let page = try await gateway.send(
        .GET, "/providers/new?provider=groq&label=lab", headers: [Self.session])
      #expect(page.body.contains("value=\"lab\""))
      #expect(page.body.contains("value=\"groq\" data-prefixes=\"gsk_\" checked"))
    }
  }

  @Test func whoSignsUpIsLoggedIn() async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.send(.GET, "/sign-up")
      let cookie = "chatelaine-form=\(try #require(page.cookie("chatelaine-form")))"
      let answer = try await gateway.form(
        "/sign-up", cookies: [cookie],
        [
          ("csrf", try formToken(page)), ("email", FakeBackend.email),
          ("password", FakeBackend.password),
        ])
      #expect(answer.status == 303)
      #expect(answer.headers["location"] == ["/providers/new"])
      #expect(answer.cookie("chatelaine-session") == FakeBackend.sessionToken)
      #expect(answer.cookie("chatelaine-notice") == "account-created")
    }
  }

  @Test func whoIsLoggedInNeedsNoLogIn() async throws {
    try await TestGateway.run { gateway in
      for path in ["/log-in", "/sign-up"] {
        let answer = try await gateway.send(.GET, path, headers: [Self.session])
        #expect(answer.status == 303)
        #expect(answer.headers["location"] == ["/"])
      }
    }
  }

  @Test func oldAndMistypedAddressesLeadOn() async throws {
    try await TestGateway.run { gateway in
      for (old, status, new) in [
        ("/login?next=%2Faudit", 303, "/log-in?next=%2Faudit"), ("/signup", 303, "/sign-up"),
        ("/.well-known/change-password", 303, "/settings"),
        ("/providers/?page=2", 308, "/providers?page=2"),
      ] {
        let answer = try await gateway.send(.GET, old)
        #expect(answer.status == status, "\(old)")
        #expect(answer.headers["location"] == [new], "\(old)")
      }
      #expect(try await gateway.send(.GET, "//evil.example/").status == 404)
      #expect(try await gateway.send(.GET, "/robots.txt").body.contains("Disallow: /"))
      #expect(try await gateway.send(.GET, "/favicon.ico").status == 200)
    }
  }

  // MARK: Preferences and weight

  @Test func aThemeIsInThePageItself() async throws {
    try await TestGateway.run { gateway in
      let page = try await gateway.send(.GET, "/settings", headers: [Self.session])
      #expect(!page.body.contains("data-theme"))
      let answer = try await gateway.form(
        "/settings", cookies: [Self.session.1],
        [("csrf", try formToken(page)), ("theme", "dark"), ("zone", "Europe/Berlin")])
      #expect(answer.cookie("chatelaine-theme") == "dark")
      #expect(answer.cookie("chatelaine-zone") == "Europe.Berlin")
      let cookies = "\(Self.session.1); chatelaine-theme=dark; chatelaine-zone=Europe.Berlin"
      let dark = try await gateway.send(.GET, "/audit", headers: [("cookie", cookies)])
      #expect(dark.body.contains("data-theme=\"dark\""))
      // 21:35:00Z in winter.
      #expect(dark.body.contains("22:35"))
      #expect(dark.body.contains("datetime=\"2026-11-23T21:35:00Z\""))
      let wrong = try await gateway.form(
        "/settings", cookies: [Self.session.1],
        [("csrf", try formToken(page)), ("theme", "pink"), ("zone", "../../etc/passwd")])
      #expect(wrong.status == 422)
      #expect(wrong.body.contains("2 things to fix"))
    }
  }

  @Test func pagesAndAssetsAreCompressedForWhoeverTakesIt() async throws {
    try await TestGateway.run { gateway in
      let plain = try await gateway.send(.GET, "/log-in")
      #expect(plain.headers["content-encoding"].isEmpty)
      #expect(plain.headers["vary"] == ["Accept-Encoding"])
      let page = try await gateway.open(.GET, "/log-in", headers: [("accept-encoding", "br, gzip")])
      #expect(page.headers["content-encoding"] == ["gzip"])
      let bytes = try await page.body.collect(upTo: 1 << 20)
      #expect(String(buffer: try Gzip.decompress(bytes, bytesMax: 1 << 20)).contains("<h1>Log in"))
      let refused = try await gateway.send(
        .GET, "/log-in", headers: [("accept-encoding", "gzip;q=0")])
      #expect(refused.headers["content-encoding"].isEmpty)
    }
  }

  @Test func aFormsTokenLooksDifferentEachTime() async throws {
    try await TestGateway.run { gateway in
      var tokens: Set<String> = []
      for _ in 0..<3 {
        let page = try await gateway.send(.GET, "/settings", headers: [Self.session])
        tokens.insert(try formToken(page))
      }
      #expect(tokens.count == 3)
    }
  }

  @Test func aNoticeNamesItsKeyAndTakesItsActBack() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.store(provider: "openai", label: "default", key: "k")
      let id = "00000000-0000-4000-8000-000000000001"
      let page = try await gateway.send(
        .GET, "/providers",
        headers: [("cookie", "\(Self.session.1); chatelaine-notice=key-disabled.\(id)")])
      #expect(page.body.contains("OpenAI, default is disabled"))
      #expect(page.body.contains("action=\"/providers/\(id)/enable\""))
      let forged = try await gateway.send(
        .GET, "/providers",
        headers: [("cookie", "\(Self.session.1); chatelaine-notice=key-disabled.<b>")])
      #expect(!forged.body.contains("role=\"status\""))
    }
  }
}
