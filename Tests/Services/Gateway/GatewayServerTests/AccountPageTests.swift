import NIOCore
import NIOHTTP1
import Protobuf
import RPC
import ServiceAPI
import TestSupport
import Testing

@testable import GatewayServer

/// The pages on which people come in by a link or a code, and change how they come in.
@Suite struct AccountPageTests {
  private static let session = ("cookie", "chatelaine-session=\(FakeBackend.sessionToken)")

  private func formToken(_ answer: TestGateway.Answer) throws -> String {
    let rest = try #require(
      answer.body.split(separator: "name=\"csrf\" value=\"").dropFirst().first)
    return String(rest.prefix { $0 != "\"" })
  }

  /// Opens a stranger's page and sends its form.
  private func send(
    _ gateway: TestGateway, _ page: String, to path: String, _ fields: [(String, String)]
  ) async throws -> TestGateway.Answer {
    let shown = try await gateway.send(.GET, page)
    #expect(shown.status == 200)
    let cookie = "chatelaine-form=\(try #require(shown.cookie("chatelaine-form")))"
    return try await gateway.form(
      path, cookies: [cookie], [("csrf", try formToken(shown))] + fields)
  }

  private static func linkOver() -> RPCError {
    RPCError(
      .failedPrecondition, "the link has been used or is too old; ask for another one",
      details: [.errorInfo(reason: "LINK_OVER", domain: "auth.chatelaine")])
  }

  @Test func aLostPasswordIsAskedForAndTheAnswerTellsNothing() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.auth.on(AuthAPI.AuthMethods.requestPasswordReset) {
        (_: AuthAPI.RequestPasswordResetRequest, _) in Empty()
      }
      let answer = try await send(
        gateway, "/forgot-password", to: "/forgot-password", [("email", "ann@example.com")])
      #expect(answer.status == 303)
      #expect(answer.headers["location"] == ["/log-in"])
      #expect(answer.cookie("chatelaine-notice") == "link-sent")
      // Another site's form is not taken.
      let forged = try await gateway.form(
        "/forgot-password", cookies: [], [("csrf", "x"), ("email", "ann@example.com")])
      #expect(forged.status == 422)
      let logIn = try await gateway.send(.GET, "/log-in")
      #expect(logIn.body.contains("href=\"/forgot-password\""))
    }
  }

  @Test func openingALinkChangesNothingAndItsFormDoes() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.auth.on(AuthAPI.AuthMethods.redeemLink) {
        (request: AuthAPI.RedeemLinkRequest, _) in
        guard request.token == "chl_good" else { throw Self.linkOver() }
        return AuthAPI.RedeemLinkResponse(
          purpose: .unlock, email: "ann@example.com", deviceToken: "device-token")
      }
      let path = AuthAPI.AuthMethods.redeemLink.path
      _ = try await gateway.send(.GET, "/confirm?token=chl_good")
      #expect(gateway.backend.auth.calls.count { $0.path == path } == 0)
      let answer = try await send(
        gateway, "/confirm?token=chl_good", to: "/confirm", [("token", "chl_good")])
      #expect(answer.status == 303)
      #expect(answer.headers["location"] == ["/log-in"])
      #expect(answer.cookie("chatelaine-device") == "device-token")
      let over = try await send(
        gateway, "/confirm?token=chl_old", to: "/confirm", [("token", "chl_old")])
      #expect(over.status == 422)
      #expect(over.body.contains("has been used or is too old"))
    }
  }

  @Test func aNewPasswordIsChosenByTheLinkAndARefusedOneKeepsIt() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.auth.on(AuthAPI.AuthMethods.resetPassword) {
        (request: AuthAPI.ResetPasswordRequest, _) in
        guard request.password != "password" else {
          throw RPCError(
            .invalidArgument, "password is common",
            details: [
              .badRequest(
                field: "password", description: "is one of the most common passwords")
            ])
        }
        return Empty()
      }
      let page = "/reset-password?token=chl_x"
      let refused = try await send(
        gateway, page, to: "/reset-password", [("token", "chl_x"), ("password", "password")])
      #expect(refused.status == 422)
      #expect(refused.body.contains("This password is on every list of leaked passwords."))
      #expect(refused.body.contains("value=\"chl_x\""))
      #expect(!refused.body.contains("value=\"password\""))
      let answer = try await send(
        gateway, page, to: "/reset-password", [("token", "chl_x"), ("password", "a new one")])
      #expect(answer.headers["location"] == ["/log-in"])
    }
  }

  @Test func aSecondFactorIsAskedForBeforeTheSessionBegins() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.auth.on(AuthAPI.AuthMethods.createSession) {
        (_: AuthAPI.CreateSessionRequest, _) in
        AuthAPI.CreateSessionResponse(secondFactorToken: "chl_pending")
      }
      gateway.backend.auth.on(AuthAPI.AuthMethods.completeSession) {
        (request: AuthAPI.CompleteSessionRequest, _) in
        guard request.token == "chl_pending", request.code == "123456" else {
          throw RPCError(
            .invalidArgument, "code is wrong",
            details: [.badRequest(field: "code", description: "is wrong, or was used before")])
        }
        return AuthAPI.CreateSessionResponse(
          sessionToken: FakeBackend.sessionToken,
          expireTime: Timestamp(seconds: 4_000_000_000, nanos: 0), deviceToken: "device-token")
      }
      let asked = try await send(
        gateway, "/log-in", to: "/log-in",
        [("next", "/audit"), ("email", FakeBackend.email), ("password", FakeBackend.password)])
      #expect(asked.status == 303)
      #expect(asked.headers["location"] == ["/log-in/code?next=%2Faudit"])
      #expect(asked.cookie("chatelaine-session") == nil)
      let challenge = "chatelaine-challenge=\(try #require(asked.cookie("chatelaine-challenge")))"
      let page = try await gateway.send(
        .GET, "/log-in/code?next=%2Faudit", headers: [("cookie", challenge)])
      #expect(page.status == 200)
      #expect(page.body.contains("value=\"/audit\""))
      let cookies = [challenge, "chatelaine-form=\(try #require(page.cookie("chatelaine-form")))"]
      func enter(_ code: String) async throws -> TestGateway.Answer {
        try await gateway.form(
          "/log-in/code", cookies: cookies,
          [("csrf", try formToken(page)), ("next", "/audit"), ("code", code)])
      }
      let wrong = try await enter("1")
      #expect(wrong.status == 422)
      let answer = try await enter("123456")
      #expect(answer.status == 303)
      #expect(answer.headers["location"] == ["/audit"])
      #expect(answer.cookie("chatelaine-challenge") == "")
      // Without a log-in that waits for it there is nothing to enter a code for.
      let alone = try await gateway.send(.GET, "/log-in/code")
      #expect(alone.headers["location"] == ["/log-in"])
      #expect(answer.cookie("chatelaine-session") == FakeBackend.sessionToken)
      #expect(answer.cookie("chatelaine-device") == "device-token")
    }
  }

  @Test func sessionsAreShownAndEnded() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.auth.on(AuthAPI.AuthMethods.listSessions) {
        (_: AuthAPI.ListSessionsRequest, _) in
        AuthAPI.ListSessionsResponse(sessions: [
          AuthAPI.Session(
            id: "s1", device: "Firefox on Linux", ipAddress: "192.0.2.1",
            isCurrent: true),
          AuthAPI.Session(id: "s2", device: "<b>Safari", ipAddress: "192.0.2.2"),
        ])
      }
      gateway.backend.auth.on(AuthAPI.AuthMethods.getSecondFactor) {
        (_: AuthAPI.GetSecondFactorRequest, _) in AuthAPI.SecondFactor()
      }
      gateway.backend.auth.on(AuthAPI.AuthMethods.deleteSession) {
        (request: AuthAPI.DeleteSessionRequest, _) in
        guard request.id == "s2" else { throw RPCError(.notFound, "not found") }
        return Empty()
      }
      let page = try await gateway.send(.GET, "/settings/security", headers: [Self.session])
      #expect(page.status == 200)
      #expect(page.body.contains("Firefox on Linux") && page.body.contains("This session"))
      #expect(page.body.contains("&lt;b&gt;Safari") && !page.body.contains("<b>Safari"))
      let answer = try await gateway.form(
        "/settings/security/sessions/s2/end", cookies: [Self.session.1],
        [("csrf", try formToken(page))])
      #expect(answer.headers["location"] == ["/settings/security"])
      let forged = try await gateway.form(
        "/settings/security/sessions/s2/end", cookies: [Self.session.1], [("csrf", "x")])
      #expect(forged.status == 403)
    }
  }

  @Test func whatNeedsThePasswordOnceMoreLeadsToItsPageAndBack() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.auth.on(AuthAPI.AuthMethods.createAccessToken) {
        (_: AuthAPI.CreateAccessTokenRequest, _) -> AuthAPI.CreateAccessTokenResponse in
        throw RPCError(
          .permissionDenied, "enter your password once more",
          details: [.errorInfo(reason: "CONFIRMATION_NEEDED", domain: "auth.chatelaine")])
      }
      gateway.backend.auth.on(AuthAPI.AuthMethods.confirmSession) {
        (_: AuthAPI.ConfirmSessionRequest, _) in Empty()
      }
      let tokens = try await gateway.send(.GET, "/access-tokens", headers: [Self.session])
      let sent = try await gateway.form(
        "/access-tokens", cookies: [Self.session.1],
        [
          ("csrf", try formToken(tokens)), ("name", "ci"), ("scopes", "use"),
          ("expiresIn", "90"),
        ])
      // With what was typed, so that the page is filled in when it comes back.
      let place =
        "/confirm-password?next=%2Faccess-tokens%3Fname%3Dci%26scopes%3Duse%26expiresIn%3D90"
      #expect(sent.headers["location"] == [place])
      let page = try await gateway.send(.GET, place, headers: [Self.session])
      #expect(page.body.contains("value=\"/access-tokens?name=ci&amp;scopes=use"))
      let answer = try await gateway.form(
        "/confirm-password", cookies: [Self.session.1],
        [
          ("csrf", try formToken(page)), ("next", "/access-tokens"),
          ("password", FakeBackend.password),
        ])
      #expect(answer.headers["location"] == ["/access-tokens"])
    }
  }

  @Test func anAuthenticatorAppIsAddedByAPictureAndTheCodesAreShownOnce() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.auth.on(AuthAPI.AuthMethods.createAuthenticator) {
        (_: AuthAPI.CreateAuthenticatorRequest, _) in
        AuthAPI.CreateAuthenticatorResponse(
          secret: "ABCDEFGH", uri: "otpauth://totp/Chatelaine:a%40b?secret=ABCDEFGH")
      }
      gateway.backend.auth.on(AuthAPI.AuthMethods.enableSecondFactor) {
        (_: AuthAPI.EnableSecondFactorRequest, _) in
        AuthAPI.RecoveryCodes(codes: ["AAAA-BBBB-CCCC-DDDD"])
      }
      let first = try await gateway.send(
        .GET, "/settings/second-factor", headers: [Self.session])
      let token = try formToken(first)
      let begun = try await gateway.form(
        "/settings/second-factor", cookies: [Self.session.1], [("csrf", token)])
      #expect(begun.headers["location"] == ["/settings/second-factor/new"])
      let sealed = try #require(begun.cookie("chatelaine-authenticator"))
      #expect(!sealed.contains("ABCDEFGH"))
      let cookies = "\(Self.session.1); chatelaine-authenticator=\(sealed)"
      // A reload shows the same secret.
      for _ in 0..<2 {
        let page = try await gateway.send(
          .GET, "/settings/second-factor/new", headers: [("cookie", cookies)])
        #expect(page.body.contains("<svg class=\"qr\""))
        #expect(page.body.contains("ABCD EFGH"))
      }
      let enabled = try await gateway.form(
        "/settings/second-factor/enable", cookies: [cookies],
        [("csrf", token), ("code", "123456")])
      #expect(enabled.headers["location"] == ["/settings/second-factor/recovery-codes"])
      #expect(enabled.cookie("chatelaine-authenticator") == "")
      let shown = try #require(enabled.cookie("chatelaine-codes"))
      let place = "/settings/second-factor/recovery-codes"
      let codes = try await gateway.send(
        .GET, place, headers: [("cookie", "\(Self.session.1); chatelaine-codes=\(shown)")])
      #expect(codes.body.contains("AAAA-BBBB-CCCC-DDDD"))
      #expect(codes.headers["cache-control"].first?.contains("no-store") == true)
      #expect(codes.cookie("chatelaine-codes") == "")
      let again = try await gateway.send(.GET, place, headers: [Self.session])
      #expect(again.body.contains("were shown already"))
    }
  }

  @Test func anAdminSeesPeopleAndNobodyElseDoes() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.auth.on(AuthAPI.AuthMethods.listUsers) {
        (_: AuthAPI.ListUsersRequest, _) in
        AuthAPI.ListUsersResponse(users: [
          AuthAPI.User(
            account: AuthAPI.Account(
              id: FakeBackend.accountID, email: "ann@example.com", role: .auditor,
              isEmailVerified: true), sessionCount: 2)
        ])
      }
      let page = try await gateway.send(.GET, "/users", headers: [Self.session])
      #expect(page.status == 200)
      #expect(page.body.contains("ann@example.com") && page.body.contains("Auditor"))
      gateway.backend.auth.on(AuthAPI.AuthMethods.listUsers) {
        (_: AuthAPI.ListUsersRequest, _) -> AuthAPI.ListUsersResponse in
        throw RPCError(.permissionDenied, "this is for accounts with another role")
      }
      let refused = try await gateway.send(.GET, "/users", headers: [Self.session])
      #expect(refused.status == 403)
      let stranger = try await gateway.send(.GET, "/users")
      #expect(stranger.status == 303)
      #expect(!refused.body.contains("Administration"))
      gateway.backend.role(.admin)
      let settings = try await gateway.send(.GET, "/settings", headers: [Self.session])
      #expect(settings.body.contains("href=\"/users\""))
      #expect(settings.body.contains("Administration"))
    }
  }

  @Test func oneDocumentHasEverythingThatIsKeptAndNoSecret() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.auth.on(AuthAPI.AuthMethods.listSessions) {
        (_: AuthAPI.ListSessionsRequest, _) in
        AuthAPI.ListSessionsResponse(sessions: [AuthAPI.Session(id: "s1", device: "Firefox")])
      }
      gateway.backend.auth.on(AuthAPI.AuthMethods.getSecondFactor) {
        (_: AuthAPI.GetSecondFactorRequest, _) in AuthAPI.SecondFactor()
      }
      gateway.backend.auth.on(AuthAPI.AuthMethods.listAccessTokens) {
        (request: AuthAPI.ListAccessTokensRequest, _) in
        let isFirst = request.pageToken.isEmpty
        return AuthAPI.ListAccessTokensResponse(
          accessTokens: [AuthAPI.AccessToken(id: isFirst ? "t1" : "t2")],
          nextPageToken: isFirst ? "more" : "")
      }
      gateway.backend.store(provider: "openai", label: "default", key: "sk-secret-of-someone")
      let answer = try await gateway.send(.GET, "/api/v1/me/export", headers: [Self.session])
      #expect(answer.status == 200)
      #expect(answer.headers["content-disposition"].first?.hasPrefix("attachment") == true)
      for part in ["\"s1\"", "\"t1\"", "\"t2\"", "\"openai\"", "session.create", FakeBackend.email]
      {
        #expect(answer.body.contains(part), "\(part)")
      }
      #expect(!answer.body.contains("sk-secret-of-someone"))
      let stranger = try await gateway.send(.GET, "/api/v1/me/export")
      #expect(stranger.status == 401)
    }
  }
}
