import Auth
import Callers
import Cryptography
import Identity
import Protobuf
import RPC
import ServiceAPI

/// Log-in providers, between the messages of the API and the use cases.
extension AuthHandler {
  func listLogInProviders(
    _ request: AuthAPI.ListLogInProvidersRequest, context: ServerContext
  ) async throws -> AuthAPI.ListLogInProvidersResponse {
    AuthAPI.ListLogInProvidersResponse(
      providers: auth.logInProviders.map { AuthAPI.LogInProvider(id: $0.id, name: $0.name) })
  }

  func beginProviderLogIn(
    _ request: AuthAPI.BeginProviderLogInRequest, context: ServerContext
  ) async throws -> AuthAPI.BegunFederation {
    AuthAPI.BegunFederation(
      try await auth.beginLogIn(at: request.provider, from: context.origin))
  }

  func createProviderSession(
    _ request: AuthAPI.CreateProviderSessionRequest, context: ServerContext
  ) async throws -> AuthAPI.CreateSessionResponse {
    AuthAPI.CreateSessionResponse(
      try await auth.createSession(
        by: FederationAnswer(request.answer), deviceToken: request.deviceToken,
        from: context.origin))
  }

  func beginIdentityLink(
    _ request: AuthAPI.BeginIdentityLinkRequest, context: ServerContext
  ) async throws -> AuthAPI.BegunFederation {
    AuthAPI.BegunFederation(
      try await accounts.beginLink(
        with: request.provider, for: context.caller(), from: context.origin))
  }

  func linkIdentity(
    _ request: AuthAPI.LinkIdentityRequest, context: ServerContext
  ) async throws -> AuthAPI.LinkedIdentity {
    let identity = try await accounts.link(
      FederationAnswer(request.answer), for: context.caller(), from: context.origin)
    return AuthAPI.LinkedIdentity(identity, auth.logInProviders)
  }

  func listIdentities(
    _ request: AuthAPI.ListIdentitiesRequest, context: ServerContext
  ) async throws -> AuthAPI.ListIdentitiesResponse {
    let identities = try await accounts.identities(of: context.caller(), from: context.origin)
    return AuthAPI.ListIdentitiesResponse(
      identities: identities.map { AuthAPI.LinkedIdentity($0, auth.logInProviders) })
  }

  func deleteIdentity(
    _ request: AuthAPI.DeleteIdentityRequest, context: ServerContext
  ) async throws -> Empty {
    try await accounts.unlink(request.id, for: context.caller(), from: context.origin)
    return Empty()
  }
}

extension FederationAnswer {
  fileprivate init(_ answer: AuthAPI.FederationAnswer?) {
    let answer = answer ?? AuthAPI.FederationAnswer()
    self.init(
      provider: answer.provider, code: answer.code, state: answer.state, issuer: answer.iss,
      flow: answer.flow)
  }
}

extension AuthAPI.BegunFederation {
  fileprivate init(_ begun: BegunFederation) {
    self.init(authorizationUrl: begun.url, flow: begun.flow)
  }
}

extension AuthAPI.LinkedIdentity {
  fileprivate init(_ identity: LinkedIdentity, _ providers: [LogInProvider]) {
    let provider = providers.first { $0.issuer.utf8.elementsEqual(identity.issuer.utf8) }
    self.init(
      id: identity.id.text, provider: provider?.name ?? identity.issuer, issuer: identity.issuer,
      email: identity.email, createTime: Timestamp(identity.createTime),
      lastUseTime: identity.lastUseTime.map { Timestamp($0) })
  }
}
