import Auth
import Callers
import Cryptography
import Identity
import Protobuf
import RPC
import ServiceAPI
import UseCases

/// Answers chatelaine.auth.v1.Auth with the use cases of `AuthService`.
struct AuthHandler: AuthAPI.AuthServiceProtocol {
  let auth: AuthService
  let revocations: RevocationFeed

  func createAccount(
    _ request: AuthAPI.CreateAccountRequest, context: ServerContext
  ) async throws -> AuthAPI.Account {
    let account = try await auth.createAccount(
      email: request.email, password: SecretBytes(utf8: request.password),
      displayName: request.displayName, from: context.origin)
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
    let started = try await auth.createSession(
      email: request.email, password: SecretBytes(utf8: request.password), from: context.origin)
    return AuthAPI.CreateSessionResponse(started)
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
    return AuthAPI.AuthenticateResponse(
      try await auth.authenticate(credential, from: context.origin))
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
    let answer = try await auth.impersonate(email: request.email, from: context.origin)
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
      expiresIn: request.expiresIn.map(\.duration),
      for: context.caller(), from: context.origin)
    return AuthAPI.CreateAccessTokenResponse(
      token: secret.text.withUTF8String { $0 }, accessToken: AuthAPI.AccessToken(token))
  }

  func listAccessTokens(
    _ request: AuthAPI.ListAccessTokensRequest, context: ServerContext
  ) async throws -> AuthAPI.ListAccessTokensResponse {
    let page = try await auth.accessTokens(
      of: context.caller(), size: Int(request.pageSize), pageToken: request.pageToken,
      from: context.origin)
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
}
