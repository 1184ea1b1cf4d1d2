import Edge
import Encodings
import NIOHTTP1
import Protobuf
import RPC
import ServiceAPI
import Testing

@testable import GatewayServer

/// Every form of the portal and every page, as the table of routes has them.
@Suite(.timeLimit(.minutes(2))) struct FormTests {
  /// How a form is sent so that it is taken.
  private struct Sample {
    var path: String
    var fields: [(String, String)] = []
    var cookies: [String] = []
    /// Sent without a session.
    var isStrangers = false
  }

  private static let session = "chatelaine-session=\(FakeBackend.sessionToken)"
  private static let key = "00000000-0000-4000-8000-000000000001"
  private static let person = FakeBackend.accountID
  private static let account = [
    ("email", FakeBackend.email), ("password", FakeBackend.password),
  ]

  /// By the route's template. A form that has none here fails the test: add a way to send it.
  private static let samples: [String: Sample] = [
    "/sign-up": Sample(path: "/sign-up", fields: account, isStrangers: true),
    "/log-in": Sample(path: "/log-in", fields: account, isStrangers: true),
    "/log-in/code": Sample(
      path: "/log-in/code", fields: [("code", "123456")],
      cookies: ["chatelaine-challenge=chl_pending"], isStrangers: true),
    "/forgot-password": Sample(path: "/forgot-password", fields: account, isStrangers: true),
    "/reset-password": Sample(
      path: "/reset-password", fields: [("token", "t"), ("password", "a new one")],
      isStrangers: true),
    "/confirm": Sample(path: "/confirm", fields: [("token", "t")], isStrangers: true),
    "/log-out": Sample(path: "/log-out"),
    "/overview/start": Sample(path: "/overview/start"),
    "/settings": Sample(path: "/settings", fields: [("theme", "dark"), ("zone", "")]),
    "/providers/new": Sample(
      path: "/providers/new",
      fields: [("provider", "openai"), ("apiKey", "sk-q9ZkW3r7Tt1LmB8xVn2c"), ("act", "store")]),
    "/providers/{id}": Sample(path: "/providers/\(key)", fields: [("label", "other")]),
    "/providers/{id}/replace/{act}": Sample(
      path: "/providers/\(key)/replace/switch", fields: [("overlap", "3600")]),
    "/providers/{id}/notes": Sample(path: "/providers/\(key)/notes", fields: [("note", "mine")]),
    "/providers/{id}/undelete": Sample(path: "/providers/\(key)/undelete"),
    "/providers/{id}/former/{version}": Sample(path: "/providers/\(key)/former/v1"),
    "/providers/{id}/enable": Sample(path: "/providers/\(key)/enable"),
    "/providers/{id}/disable": Sample(path: "/providers/\(key)/disable"),
    "/providers/{id}/test": Sample(path: "/providers/\(key)/test"),
    "/providers/bulk/{act}": Sample(path: "/providers/bulk/enable", fields: [("k.\(key)", "1")]),
    "/providers/delete": Sample(path: "/providers/delete", fields: [("k.\(key)", "1")]),
    "/providers/import": Sample(path: "/providers/import", fields: [("env", "OPENAI_API_KEY=x")]),
    "/providers/import/{id}": Sample(path: "/providers/import/gone"),
    "/access-tokens": Sample(
      path: "/access-tokens", fields: [("name", "ci"), ("expiresIn", "30")]),
    "/access-tokens/{id}/rotate": Sample(path: "/access-tokens/t1/rotate"),
    "/access-tokens/{id}/revoke": Sample(path: "/access-tokens/t1/revoke"),
    "/settings/security/password": Sample(
      path: "/settings/security/password",
      fields: [("currentPassword", "old"), ("newPassword", "new")]),
    "/settings/security/email": Sample(path: "/settings/security/email", fields: account),
    "/settings/security/verification": Sample(path: "/settings/security/verification"),
    "/settings/security/sessions/{id}/end": Sample(path: "/settings/security/sessions/s2/end"),
    "/settings/security/sessions/end-others": Sample(
      path: "/settings/security/sessions/end-others"),
    "/settings/delete": Sample(path: "/settings/delete", fields: [("understood", "yes")]),
    "/confirm-password": Sample(path: "/confirm-password", fields: account),
    "/settings/second-factor": Sample(path: "/settings/second-factor"),
    "/settings/second-factor/enable": Sample(
      path: "/settings/second-factor/enable", fields: [("code", "123456")]),
    "/settings/second-factor/disable": Sample(path: "/settings/second-factor/disable"),
    "/settings/second-factor/recovery-codes": Sample(
      path: "/settings/second-factor/recovery-codes"),
    "/log-in/passkey": Sample(
      path: "/log-in/passkey", fields: [("credentialId", "AAAA")], isStrangers: true),
    "/settings/passkeys": Sample(path: "/settings/passkeys", fields: [("name", "phone")]),
    "/settings/passkeys/{id}/rename": Sample(
      path: "/settings/passkeys/p1/rename", fields: [("name", "phone")]),
    "/settings/passkeys/{id}/remove": Sample(path: "/settings/passkeys/p1/remove"),
    "/settings/identities/{id}/remove": Sample(path: "/settings/identities/i1/remove"),
    "/users/invite": Sample(path: "/users/invite", fields: [("invitee", "ann@example.com")]),
    "/users/{id}/role/{role}": Sample(path: "/users/\(person)/role/auditor"),
    "/users/{id}/{act}": Sample(path: "/users/\(person)/sign-out"),
  ]

  /// Calls that change something.
  private static func effects(_ gateway: TestGateway) -> [String] {
    let looks = ["Authenticate", "List", "Get", "Count", "Record", "Report"]
    return (gateway.backend.auth.calls + gateway.backend.vault.calls).map(\.path).filter { path in
      let method = path.split(separator: "/").last ?? ""
      return !looks.contains { method.hasPrefix($0) }
    }
  }

  private static func send(
    _ sample: Sample, to gateway: TestGateway, once: String
  ) async throws -> TestGateway.Answer {
    var cookies = sample.cookies
    if !sample.isStrangers { cookies.append(session) }
    let page = try await gateway.send(
      .GET, sample.isStrangers ? "/forgot-password" : "/settings",
      headers: [("cookie", cookies.joined(separator: "; "))])
    let rest = try #require(
      page.body.split(separator: "name=\"csrf\" value=\"").dropFirst().first)
    if sample.isStrangers {
      cookies.append("chatelaine-form=\(try #require(page.cookie("chatelaine-form")))")
    }
    let fields = [("csrf", String(rest.prefix { $0 != "\"" })), ("once", once)] + sample.fields
    let first = try await gateway.form(sample.path, cookies: cookies, fields)
    let before = effects(gateway)
    // The browser sends it again before it has seen the answer.
    let second = try await gateway.form(sample.path, cookies: cookies, fields)
    #expect(second.status == first.status, "\(sample.path)")
    #expect(second.headers["location"] == first.headers["location"], "\(sample.path)")
    #expect(effects(gateway) == before, "\(sample.path) took effect twice")
    return first
  }

  @Test func everyFormLeadsOnAndTakesEffectOnce() async throws {
    let forms = try await TestGateway.run { gateway in
      gateway.routes.filter { $0.surface == .page && $0.verbs.contains("POST") }
        .map(\.template.text)
    }
    #expect(forms.count >= 30)
    for form in forms {
      guard let sample = Self.samples[form] else {
        Issue.record("POST \(form) has no sample: say in FormTests how it is sent")
        continue
      }
      try await ProxyRun.run { gateway, _ in
        gateway.backend.answerForms()
        let answer = try await Self.send(sample, to: gateway, once: "id-of-\(form.utf8.count)")
        #expect(answer.status == 303, "\(form) answers with a page: \(answer.status)")
        #expect(answer.headers["location"].first?.hasPrefix("/") == true, "\(form)")
        #expect(answer.body.isEmpty, "\(form)")
      }
    }
  }

  @Test func whoGoesBackAndSendsSomethingElseMeansThat() async throws {
    try await TestGateway.run { gateway in
      for name in ["one", "two", "two"] {
        let sample = Sample(path: "/access-tokens", fields: [("name", name), ("expiresIn", "30")])
        // The token of a form is masked anew in each page; this one came from one page.
        _ = try await Self.send(sample, to: gateway, once: "same")
      }
      #expect(gateway.backend.tokenNames == ["one", "two", "two"])
    }
  }

  /// Whatever a page is about, and if it is an error: nothing inline, under the whole policy.
  @Test func everyPageIsUnderThePolicyAndKeepsToIt() async throws {
    try await ProxyRun.run { gateway, _ in
      gateway.backend.answerForms()
      gateway.backend.role(.admin)
      let pages = gateway.routes.filter { $0.surface == .page && $0.verbs.contains("GET") }
      #expect(pages.count >= 30)
      let token = Sample(path: "/access-tokens", fields: [("name", "ci"), ("expiresIn", "30")])
      _ = try await Self.send(token, to: gateway, once: "x")
      for template in pages.map(\.template.text) {
        let id =
          template.hasPrefix("/audit") ? "e1" : template.hasPrefix("/access") ? "t1" : Self.key
        let path = template.replacing("{id}", with: id).replacing("{status}", with: "503")
          .replacing("{provider}", with: "nobody")
        for cookie in [Self.session, "chatelaine-nothing=1"] {
          let page = try await gateway.send(.GET, path, headers: [("cookie", cookie)])
          #expect([200, 303, 404, 503].contains(page.status), "\(path): \(page.status)")
          #expect(page.headers["content-security-policy"] == [Self.policy], "\(path)")
          let scripts = page.body.split(separator: "<script").dropFirst()
          #expect(scripts.allSatisfy { $0.hasPrefix(" type=\"module\" src=\"/assets/") }, "\(path)")
          for inline in ["<style", " style=", " onclick=", " onload=", "javascript:", "{{"] {
            #expect(!page.body.contains(inline), "\(path) has \(inline)")
          }
        }
      }
    }
  }

  private static let policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    + "require-trusted-types-for 'script'; trusted-types 'none'"
}

extension FakeBackend {
  /// Answers everything that forms ask for.
  func answerForms() {
    func done<Request: Message>(_ method: MethodDescriptor, _: Request.Type) {
      auth.on(method) { (_: Request, _) in Empty() }
    }
    func changed<Request: Message>(_ method: MethodDescriptor, _: Request.Type) {
      auth.on(method) { (_: Request, _) in AuthAPI.User() }
    }
    typealias Methods = AuthAPI.AuthMethods
    done(Methods.changePassword, AuthAPI.ChangePasswordRequest.self)
    done(Methods.requestEmailChange, AuthAPI.RequestEmailChangeRequest.self)
    done(Methods.sendEmailVerification, AuthAPI.SendEmailVerificationRequest.self)
    done(Methods.deleteSession, AuthAPI.DeleteSessionRequest.self)
    done(Methods.confirmSession, AuthAPI.ConfirmSessionRequest.self)
    done(Methods.deletePasskey, AuthAPI.DeletePasskeyRequest.self)
    done(Methods.deleteIdentity, AuthAPI.DeleteIdentityRequest.self)
    auth.on(Methods.beginProviderLogIn) {
      (_: AuthAPI.BeginProviderLogInRequest, _) -> AuthAPI.BegunFederation in
      throw RPCError(.notFound, "there is no such provider")
    }
    auth.on(Methods.beginIdentityLink) {
      (_: AuthAPI.BeginIdentityLinkRequest, _) -> AuthAPI.BegunFederation in
      throw RPCError(.notFound, "there is no such provider")
    }
    auth.on(Methods.createPasskey) { (_: AuthAPI.CreatePasskeyRequest, _) in
      AuthAPI.CreatePasskeyResponse()
    }
    auth.on(Methods.renamePasskey) { (_: AuthAPI.RenamePasskeyRequest, _) in AuthAPI.Passkey() }
    auth.on(Methods.listPasskeys) { (_: AuthAPI.ListPasskeysRequest, _) in
      AuthAPI.ListPasskeysResponse()
    }
    auth.on(Methods.createPasskeySession) { (_: AuthAPI.CreatePasskeySessionRequest, _) in
      AuthAPI.CreateSessionResponse(sessionToken: FakeBackend.sessionToken)
    }
    done(Methods.deleteSecondFactor, AuthAPI.DeleteSecondFactorRequest.self)
    changed(Methods.setUserRole, AuthAPI.SetUserRoleRequest.self)
    changed(Methods.signOutUser, AuthAPI.SignOutUserRequest.self)
    auth.on(Methods.deleteOtherSessions) { (_: AuthAPI.DeleteOtherSessionsRequest, _) in
      AuthAPI.DeleteOtherSessionsResponse()
    }
    auth.on(Methods.requestAccountDeletion) { (_: AuthAPI.RequestAccountDeletionRequest, _) in
      AuthAPI.AccountDeletion(deleteTime: Timestamp(seconds: 1_800_000_000, nanos: 0))
    }
    auth.on(Methods.rotateAccessToken) { (request: AuthAPI.RotateAccessTokenRequest, _) in
      AuthAPI.CreateAccessTokenResponse(
        token: FakeBackend.accessToken, accessToken: AuthAPI.AccessToken(id: request.id))
    }
    auth.on(Methods.createAuthenticator) { (_: AuthAPI.CreateAuthenticatorRequest, _) in
      AuthAPI.CreateAuthenticatorResponse(secret: "ABCDEFGH", uri: "otpauth://totp/x")
    }
    auth.on(Methods.enableSecondFactor) { (_: AuthAPI.EnableSecondFactorRequest, _) in
      AuthAPI.RecoveryCodes(codes: ["AAAA"])
    }
    auth.on(Methods.createRecoveryCodes) { (_: AuthAPI.CreateRecoveryCodesRequest, _) in
      AuthAPI.RecoveryCodes(codes: ["AAAA"])
    }
    auth.on(Methods.getSecondFactor) { (_: AuthAPI.GetSecondFactorRequest, _) in
      AuthAPI.SecondFactor()
    }
    auth.on(Methods.listSessions) { (_: AuthAPI.ListSessionsRequest, _) in
      AuthAPI.ListSessionsResponse()
    }
    auth.on(Methods.listUsers) { (_: AuthAPI.ListUsersRequest, _) in AuthAPI.ListUsersResponse() }
    auth.on(Methods.inviteUser) { (_: AuthAPI.InviteUserRequest, _) in
      AuthAPI.InviteUserResponse()
    }
    auth.on(Methods.completeSession) { (_: AuthAPI.CompleteSessionRequest, _) in
      AuthAPI.CreateSessionResponse(sessionToken: FakeBackend.sessionToken)
    }
    vault.on(VaultAPI.VaultMethods.updateProviderConfig) {
      (request: VaultAPI.UpdateProviderConfigRequest, _) in
      VaultAPI.ProviderConfig(id: request.id)
    }
    vault.on(VaultAPI.VaultMethods.switchKeys) { (request: VaultAPI.SwitchKeysRequest, _) in
      VaultAPI.ProviderConfig(id: request.id)
    }
    vault.on(VaultAPI.VaultMethods.undeleteProviderConfig) {
      (request: VaultAPI.UndeleteProviderConfigRequest, _) in
      VaultAPI.ProviderConfig(id: request.id)
    }
    vault.on(VaultAPI.VaultMethods.restoreProviderConfigVersion) {
      (request: VaultAPI.RestoreProviderConfigVersionRequest, _) in
      VaultAPI.ProviderConfig(id: request.id)
    }
    vault.on(VaultAPI.VaultMethods.listProviderConfigVersions) {
      (_: VaultAPI.ListProviderConfigVersionsRequest, _) in
      VaultAPI.ListProviderConfigVersionsResponse(
        versions: [VaultAPI.ProviderConfigVersion(id: "v1", maskedKey: "sk-…0000")])
    }
    vault.on(VaultAPI.VaultMethods.listDeletedProviderConfigs) {
      (_: VaultAPI.ListDeletedProviderConfigsRequest, _) in
      VaultAPI.ListProviderConfigVersionsResponse(
        versions: [VaultAPI.ProviderConfigVersion(id: "v1", maskedKey: "sk-…0000")])
    }
    vault.on(VaultAPI.VaultMethods.disableProviderConfig) {
      (request: VaultAPI.DisableProviderConfigRequest, _) in
      VaultAPI.ProviderConfig(id: request.id)
    }
  }
}
