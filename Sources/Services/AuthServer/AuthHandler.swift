import Auth
import Callers
import Cryptography
import FoundationEssentials
import Identity
import Protobuf
import RPC
import ServiceAPI
import UseCases

/// Answers chatelaine.auth.v1.Auth with the use cases of `AuthService`.
struct AuthHandler: AuthAPI.AuthServiceProtocol {
  let auth: AuthService
  let accounts: AccountService
  let revocations: RevocationFeed

  func createAccount(
    _ request: AuthAPI.CreateAccountRequest, context: ServerContext
  ) async throws -> AuthAPI.Account {
    let account = try await auth.createAccount(
      email: request.email, password: SecretBytes(utf8: request.password),
      displayName: request.displayName, invitation: SecretBytes(utf8: request.invitation),
      from: context.origin)
    return AuthAPI.Account(account)
  }

  func getCurrentAccount(
    _ request: AuthAPI.GetCurrentAccountRequest, context: ServerContext
  ) async throws -> AuthAPI.Account {
    AuthAPI.Account(try await auth.currentAccount(of: context.caller(), from: context.origin))
  }

  func createSession(
    _ request: AuthAPI.CreateSessionRequest, context: ServerContext
  ) async throws -> AuthAPI.CreateSessionResponse {
    let logIn = try await auth.createSession(
      email: request.email, password: SecretBytes(utf8: request.password),
      deviceToken: request.deviceToken, from: context.origin)
    return AuthAPI.CreateSessionResponse(logIn)
  }

  func completeSession(
    _ request: AuthAPI.CompleteSessionRequest, context: ServerContext
  ) async throws -> AuthAPI.CreateSessionResponse {
    let token = SecretBytes(utf8: request.token)
    guard let passkey = request.passkey else {
      return AuthAPI.CreateSessionResponse(
        try await auth.completeSession(
          token, code: request.code, deviceToken: request.deviceToken, from: context.origin))
    }
    return AuthAPI.CreateSessionResponse(
      try await auth.completeSession(
        token, by: PasskeyAssertion(passkey), deviceToken: request.deviceToken,
        from: context.origin))
  }

  func confirmSession(
    _ request: AuthAPI.ConfirmSessionRequest, context: ServerContext
  ) async throws -> Empty {
    if let passkey = request.passkey {
      try await accounts.confirmSession(
        by: PasskeyAssertion(passkey), for: context.caller(), from: context.origin)
      return Empty()
    }
    try await accounts.confirmSession(
      password: SecretBytes(utf8: request.password), code: request.code, for: context.caller(),
      from: context.origin)
    return Empty()
  }

  func deleteCurrentSession(
    _ request: AuthAPI.DeleteCurrentSessionRequest, context: ServerContext
  ) async throws -> Empty {
    try await auth.deleteCurrentSession(of: context.caller(), from: context.origin)
    return Empty()
  }

  func authenticate(
    _ request: AuthAPI.AuthenticateRequest, context: ServerContext
  ) async throws -> AuthAPI.AuthenticateResponse {
    let credential = try PresentedCredential(request.credential)
    let terms = try AssertionTerms(
      request.purposes, certificates: request.certificates, for: context.peer)
    return AuthAPI.AuthenticateResponse(
      try await auth.authenticate(credential, on: terms, from: context.origin))
  }

  func watchRevocations(
    _ request: AuthAPI.WatchRevocationsRequest,
    to responses: ResponseWriter<AuthAPI.WatchRevocationsResponse>, context: ServerContext
  ) async throws {
    try await revocations.watch(after: request.afterPosition) { answer throws(RPCError) in
      try await responses.write(answer)
    }
  }

  func issueOperatorAssertion(
    _ request: AuthAPI.IssueOperatorAssertionRequest, context: ServerContext
  ) async throws -> AuthAPI.AuthenticateResponse {
    let terms = try AssertionTerms(request.purposes, certificates: [], for: context.peer)
    let answer = try await auth.impersonate(
      email: request.email, on: terms, from: context.origin)
    return AuthAPI.AuthenticateResponse(answer)
  }

  func reportForgery(
    _ request: AuthAPI.ReportForgeryRequest, context: ServerContext
  ) async throws -> Empty {
    try await auth.reportForgery(
      of: request.request, for: context.caller(), from: context.origin)
    return Empty()
  }

  func createAccessToken(
    _ request: AuthAPI.CreateAccessTokenRequest, context: ServerContext
  ) async throws -> AuthAPI.CreateAccessTokenResponse {
    let (secret, token) = try await auth.createAccessToken(
      name: request.name, scopes: try Scopes(requested: request.scopes),
      expiresIn: request.expiresIn.map(\.duration), isEndless: request.isEndless,
      limits: AccessLimits(request.limits), for: context.caller(), from: context.origin)
    return AuthAPI.CreateAccessTokenResponse(
      token: secret.text.withUTF8String { $0 }, accessToken: AuthAPI.AccessToken(token))
  }

  func listAccessTokens(
    _ request: AuthAPI.ListAccessTokensRequest, context: ServerContext
  ) async throws -> AuthAPI.ListAccessTokensResponse {
    let page = try await auth.accessTokens(
      of: context.caller(), derivedFrom: request.parentId, size: Int(request.pageSize),
      pageToken: request.pageToken, from: context.origin)
    return AuthAPI.ListAccessTokensResponse(
      accessTokens: page.elements.map { AuthAPI.AccessToken($0) },
      nextPageToken: page.nextPageToken ?? "")
  }

  func deleteAccessToken(
    _ request: AuthAPI.DeleteAccessTokenRequest, context: ServerContext
  ) async throws -> Empty {
    try await auth.deleteAccessToken(request.id, for: context.caller(), from: context.origin)
    return Empty()
  }

  func deriveAccessToken(
    _ request: AuthAPI.DeriveAccessTokenRequest, context: ServerContext
  ) async throws -> AuthAPI.CreateAccessTokenResponse {
    let (secret, token) = try await accounts.deriveAccessToken(
      name: request.name,
      scopes: request.scopes.isEmpty ? Scopes([]) : try Scopes(requested: request.scopes),
      expiresIn: request.expiresIn.map(\.duration), limits: AccessLimits(request.limits),
      for: context.caller(), from: context.origin)
    return AuthAPI.CreateAccessTokenResponse(
      token: secret.text.withUTF8String { $0 }, accessToken: AuthAPI.AccessToken(token))
  }

  func rotateAccessToken(
    _ request: AuthAPI.RotateAccessTokenRequest, context: ServerContext
  ) async throws -> AuthAPI.CreateAccessTokenResponse {
    let (secret, token) = try await accounts.rotateAccessToken(
      request.id, overlap: request.overlap.map(\.duration), for: context.caller(),
      from: context.origin)
    return AuthAPI.CreateAccessTokenResponse(
      token: secret.text.withUTF8String { $0 }, accessToken: AuthAPI.AccessToken(token))
  }

  func revokeUserAccessTokens(
    _ request: AuthAPI.RevokeUserAccessTokensRequest, context: ServerContext
  ) async throws -> AuthAPI.User {
    AuthAPI.User(
      try await accounts.revokeAccessTokens(
        of: request.user, for: context.principal(), from: context.origin))
  }

  // MARK: The caller's account

  func sendEmailVerification(
    _ request: AuthAPI.SendEmailVerificationRequest, context: ServerContext
  ) async throws -> Empty {
    try await accounts.sendVerification(for: context.caller(), from: context.origin)
    return Empty()
  }

  func requestEmailChange(
    _ request: AuthAPI.RequestEmailChangeRequest, context: ServerContext
  ) async throws -> Empty {
    try await accounts.requestEmailChange(
      to: request.email, password: SecretBytes(utf8: request.password), for: context.caller(),
      from: context.origin)
    return Empty()
  }

  func changePassword(
    _ request: AuthAPI.ChangePasswordRequest, context: ServerContext
  ) async throws -> Empty {
    try await accounts.changePassword(
      from: SecretBytes(utf8: request.currentPassword),
      to: SecretBytes(utf8: request.newPassword), for: context.caller(), from: context.origin)
    return Empty()
  }

  func requestPasswordReset(
    _ request: AuthAPI.RequestPasswordResetRequest, context: ServerContext
  ) async throws -> Empty {
    try await accounts.requestPasswordReset(email: request.email, from: context.origin)
    return Empty()
  }

  func resetPassword(
    _ request: AuthAPI.ResetPasswordRequest, context: ServerContext
  ) async throws -> Empty {
    try await accounts.resetPassword(
      token: SecretBytes(utf8: request.token), to: SecretBytes(utf8: request.password),
      from: context.origin)
    return Empty()
  }

  func redeemLink(
    _ request: AuthAPI.RedeemLinkRequest, context: ServerContext
  ) async throws -> AuthAPI.RedeemLinkResponse {
    let redeemed = try await accounts.redeemLink(
      SecretBytes(utf8: request.token), from: context.origin)
    return AuthAPI.RedeemLinkResponse(
      purpose: AuthAPI.RedeemLinkResponse.Purpose(redeemed.purpose),
      email: redeemed.email.text, deviceToken: redeemed.deviceToken)
  }

  func listSessions(
    _ request: AuthAPI.ListSessionsRequest, context: ServerContext
  ) async throws -> AuthAPI.ListSessionsResponse {
    let caller = try context.caller()
    let sessions = try await accounts.sessions(of: caller, from: context.origin)
    return AuthAPI.ListSessionsResponse(
      sessions: sessions.map {
        AuthAPI.Session($0, isCurrent: caller.credential == .session($0.id))
      })
  }

  func deleteSession(
    _ request: AuthAPI.DeleteSessionRequest, context: ServerContext
  ) async throws -> Empty {
    try await accounts.deleteSession(request.id, for: context.caller(), from: context.origin)
    return Empty()
  }

  func deleteOtherSessions(
    _ request: AuthAPI.DeleteOtherSessionsRequest, context: ServerContext
  ) async throws -> AuthAPI.DeleteOtherSessionsResponse {
    let count = try await accounts.deleteOtherSessions(
      of: context.caller(), from: context.origin)
    return AuthAPI.DeleteOtherSessionsResponse(ended: Int32(clamping: count))
  }

  // MARK: The second factor

  func getSecondFactor(
    _ request: AuthAPI.GetSecondFactorRequest, context: ServerContext
  ) async throws -> AuthAPI.SecondFactor {
    let factor = try await accounts.secondFactor(of: context.caller(), from: context.origin)
    return AuthAPI.SecondFactor(
      isEnabled: factor.authenticatorTime != nil,
      enableTime: factor.authenticatorTime.map { Timestamp($0) },
      recoveryCodesLeft: Int32(clamping: factor.recoveryCodesLeft),
      passkeyCount: Int32(clamping: factor.passkeyCount))
  }

  func createAuthenticator(
    _ request: AuthAPI.CreateAuthenticatorRequest, context: ServerContext
  ) async throws -> AuthAPI.CreateAuthenticatorResponse {
    let new = try await accounts.createAuthenticator(
      for: context.caller(), from: context.origin)
    return AuthAPI.CreateAuthenticatorResponse(secret: new.secretText, uri: new.uri)
  }

  func enableSecondFactor(
    _ request: AuthAPI.EnableSecondFactorRequest, context: ServerContext
  ) async throws -> AuthAPI.RecoveryCodes {
    AuthAPI.RecoveryCodes(
      codes: try await accounts.enableSecondFactor(
        code: request.code, for: context.caller(), from: context.origin))
  }

  func deleteSecondFactor(
    _ request: AuthAPI.DeleteSecondFactorRequest, context: ServerContext
  ) async throws -> Empty {
    try await accounts.deleteSecondFactor(for: context.caller(), from: context.origin)
    return Empty()
  }

  func createRecoveryCodes(
    _ request: AuthAPI.CreateRecoveryCodesRequest, context: ServerContext
  ) async throws -> AuthAPI.RecoveryCodes {
    AuthAPI.RecoveryCodes(
      codes: try await accounts.createRecoveryCodes(
        for: context.caller(), from: context.origin))
  }

  func resetUserSecondFactor(
    _ request: AuthAPI.ResetUserSecondFactorRequest, context: ServerContext
  ) async throws -> AuthAPI.User {
    AuthAPI.User(
      try await accounts.resetSecondFactor(
        of: request.user, for: context.principal(), from: context.origin))
  }

  func sendKeyNotice(
    _ request: AuthAPI.SendKeyNoticeRequest, context: ServerContext
  ) async throws -> Empty {
    let occasion: MailOrder.Occasion? =
      switch request.kind {
      case .quarantined: .keyQuarantined
      case .reminder: .keyReminder
      case .expired: .keyExpired
      case .unspecified, .unrecognized: nil
      }
    let letter = try KeyLetter(
      id: request.id, accountID: request.accountId, occasion, configID: request.configId,
      name: request.name, time: request.time?.date ?? .distantPast)
    try await accounts.tell(letter, by: PeerIdentity.name(in: context.peer.identities))
    return Empty()
  }
}
