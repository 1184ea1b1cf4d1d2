import NIOHTTP1
import Testing

@testable import GatewayServer

/// Log-in and sign-up pages that went stale: nothing is done, and people get on all the same.
@Suite struct StaleFormTests {
  private static let sessionCookie = "chatelaine-session=\(FakeBackend.sessionToken)"
  private static let credentials = [
    ("email", FakeBackend.email), ("password", FakeBackend.password),
  ]

  /// The cookie is gone, belongs to another page, or the form has no token.
  @Test(
    arguments: [
      ([], "c"), (["chatelaine-form=\(String(repeating: "A", count: 43))"], "c"), ([], ""),
    ], ["/log-in", "/sign-up"])
  func theFormIsShownAgainAndNothingIsDone(
    stale: (cookies: [String], token: String), path: String
  ) async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.form(
        path, cookies: stale.cookies, [("csrf", stale.token)] + Self.credentials)
      #expect(answer.status == 422)
      #expect(answer.body.contains(#"value="\#(FakeBackend.email)""#))
      #expect(answer.body.contains(#"name="csrf""#))
      #expect(!answer.body.contains(FakeBackend.password))
      #expect(answer.cookie("chatelaine-session") == nil)
      // The page asks which ways in there are.
      #expect(gateway.backend.auth.calls.allSatisfy { $0.path.hasSuffix("/ListLogInProviders") })
    }
  }

  @Test func theSecondOfTwoTabsFindsThePersonLoggedIn() async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.form(
        "/log-in", cookies: [Self.sessionCookie], [("csrf", "c")] + Self.credentials)
      #expect(answer.status == 303)
      #expect(answer.headers["location"] == ["/"])
      #expect(answer.cookie("chatelaine-session") == nil)
    }
  }
}
