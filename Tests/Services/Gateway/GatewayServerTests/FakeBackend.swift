import Callers
import NIOCore
import Protobuf
import RPC
import ServiceAPI
import Synchronization

/// Small stand-ins for the three services: one account, its keys, its tokens.
final class FakeBackend: Sendable {
  static let email = "someone@example.com"
  static let password = "quiet harbour lantern"
  static let sessionToken = "session-token-of-someone"
  static let accessToken = "chat_access-token-of-someone"
  static let assertion: [UInt8] = [7, 7, 7]
  static let accountID = "00000000-0000-4000-8000-0000000000a1"
  static let tokenID = "00000000-0000-4000-8000-0000000000b1"

  private struct State {
    var configs: [VaultAPI.ProviderConfig] = []
    var keys: [String: String] = [:]
    var endpoints: [String: String] = [:]
    var isSessionAlive = true
    var isTokenRevoked = false
    var limits: AuthAPI.AccessLimits?
    var resolvedPurposes: [String] = []
    var uses: [VaultAPI.UseEnd] = []
    var forgeries: [String] = []
    var tokenNames: [String] = []
    var shownUserAgent = "<script>alert(1)</script>"
    var searches: [AuditAPI.ListEventsRequest] = []
    var role = AuthAPI.Account.Role.user

    mutating func resolved(_ id: String) throws -> VaultAPI.ResolveCredentialResponse {
      guard let config = configs.first(where: { $0.id == id }) else {
        throw RPCError(.notFound, "there is no such configuration")
      }
      resolvedPurposes.append("test")
      return VaultAPI.ResolveCredentialResponse(
        configId: id, provider: config.provider, label: config.label, apiKey: keys[id] ?? "",
        baseUrl: endpoints[id], useTicket: Array("ticket \(resolvedPurposes.count)".utf8))
    }
  }
  /// In a box of its own, which the closures share.
  private final class Storage: Sendable {
    private let state = Mutex(State())

    func withLock<Result: Sendable>(
      _ body: (inout sending State) throws -> sending Result
    ) rethrows -> Result {
      try state.withLock(body)
    }
  }

  private let state = Storage()

  let auth = FakeChannel()
  let vault = FakeChannel()
  let audit = FakeChannel()

  var services: (auth: FakeChannel, vault: FakeChannel, audit: FakeChannel) { (auth, vault, audit) }
  /// Requests that the gateway reported as not from the portal's own pages.
  var forgeries: [String] { state.withLock { $0.forgeries } }
  /// How uses ended, as far as the gateway has told.
  var uses: [VaultAPI.UseEnd] { state.withLock { $0.uses } }
  /// The names of access tokens that were made.
  var tokenNames: [String] { state.withLock { $0.tokenNames } }
  /// The keys that were stored, with their labels.
  var storedKeys: [String] {
    state.withLock { state in state.configs.map { "\($0.label) \(state.keys[$0.id] ?? "")" } }
  }
  var resolvedPurposes: [String] { state.withLock { $0.resolvedPurposes } }

  init() {
    answerAuth()
    answerVault()
    answerCounts()
    audit.on(AuditAPI.AuditMethods.listEvents) {
      [state] (request: AuditAPI.ListEventsRequest, metadata) in
      try Self.requireAssertion(metadata)
      let userAgent = state.withLock { state in
        state.searches.append(request)
        return state.shownUserAgent
      }
      guard request.id.isEmpty || request.id == "e1" else { return AuditAPI.ListEventsResponse() }
      return AuditAPI.ListEventsResponse(
        events: [
          AuditAPI.AuditEvent(
            id: "e1", sequence: 4_812, time: Timestamp(seconds: 1_795_469_700, nanos: 0),
            actor: .init(type: "user", id: Self.accountID, name: Self.email),
            action: "session.create", outcome: .failure, ipAddress: "192.0.2.1",
            userAgent: userAgent, requestId: "r-1")
        ])
    }
  }

  /// The log's one event, counted on the last day that is asked for.
  private func answerCounts() {
    audit.on(AuditAPI.AuditMethods.countEvents) {
      (request: AuditAPI.CountEventsRequest, metadata) in
      try Self.requireAssertion(metadata)
      return AuditAPI.CountEventsResponse(
        counts: [
          .init(
            interval: Int32(request.boundaries.count - 2), outcome: .failure, targetId: "",
            count: 1)
        ])
    }
  }

  /// Makes the account another one's.
  func role(_ role: AuthAPI.Account.Role) { state.withLock { $0.role = role } }

  /// What the log's one event says about the program that failed to log in.
  func show(userAgent: String) {
    state.withLock { $0.shownUserAgent = userAgent }
  }

  /// What the log was searched for.
  var searches: [AuditAPI.ListEventsRequest] { state.withLock { $0.searches } }

  /// How often the gateway asked who a request is from.
  var authenticateCount: Int {
    auth.calls.count { $0.path == AuthAPI.AuthMethods.authenticate.path }
  }

  /// Limits the access token.
  func limit(_ limits: AuthAPI.AccessLimits) {
    state.withLock { $0.limits = limits }
  }

  /// Ends the access token, as another gateway would: nobody here is told.
  func revokeToken() {
    state.withLock { $0.isTokenRevoked = true }
  }

  /// Stores a key as if it had been there before.
  func store(
    provider: String, label: String, key: String, baseURL: String? = nil,
    health: VaultAPI.KeyHealth? = nil
  ) {
    state.withLock { state in
      let number = "\(state.configs.count + 1)"
      let zeros = String(repeating: "0", count: 12 - number.utf8.count)
      let id = "00000000-0000-4000-8000-\(zeros)\(number)"
      state.configs.append(
        VaultAPI.ProviderConfig(
          id: id, provider: provider, label: label, maskedKey: "sk-…3f9a", baseUrl: baseURL,
          enabled: true, createTime: Timestamp(seconds: 1_795_469_700, nanos: 0),
          health: health))
      state.keys[id] = key
      state.endpoints[id] = baseURL
    }
  }

  static func requireAssertion(_ metadata: Metadata) throws {
    guard metadata.bytes(CallMetadata.assertion) == assertion else {
      throw RPCError(.unauthenticated, "no assertion")
    }
  }

  private func answerLinks() {
    auth.on(AuthAPI.AuthMethods.requestPasswordReset) {
      (_: AuthAPI.RequestPasswordResetRequest, _) in Empty()
    }
    auth.on(AuthAPI.AuthMethods.resetPassword) { (_: AuthAPI.ResetPasswordRequest, _) in Empty() }
    auth.on(AuthAPI.AuthMethods.redeemLink) { (_: AuthAPI.RedeemLinkRequest, _) in
      AuthAPI.RedeemLinkResponse()
    }
  }

  private func answerAuth() {
    answerLinks()
    let account = AuthAPI.Account(id: Self.accountID, email: Self.email, displayName: "")
    auth.on(AuthAPI.AuthMethods.authenticate) {
      [state] (request: AuthAPI.AuthenticateRequest, _) in
      let (isAlive, isRevoked) = state.withLock { ($0.isSessionAlive, $0.isTokenRevoked) }
      var account = account
      account.role = state.withLock { $0.role }
      switch request.credential {
      case .sessionToken(Self.sessionToken) where isAlive: break
      case .accessToken(Self.accessToken) where !isRevoked: break
      default: throw RPCError(.unauthenticated, "the credential is not valid")
      }
      return AuthAPI.AuthenticateResponse(
        assertion: Self.assertion, account: account, validFor: ProtoDuration(.seconds(60)),
        credentialId: Self.tokenID, limits: state.withLock { $0.limits })
    }
    auth.on(AuthAPI.AuthMethods.reportForgery) {
      [state] (request: AuthAPI.ReportForgeryRequest, metadata) in
      try Self.requireAssertion(metadata)
      state.withLock { $0.forgeries.append(request.request) }
      return Empty()
    }
    auth.on(AuthAPI.AuthMethods.createAccount) { (request: AuthAPI.CreateAccountRequest, _) in
      guard request.password.count >= 12 else {
        throw RPCError(
          .invalidArgument, "the password is too short",
          details: [.badRequest(field: "password", description: "must have 12 characters")])
      }
      return account
    }
    auth.on(AuthAPI.AuthMethods.createSession) { (request: AuthAPI.CreateSessionRequest, _) in
      guard request.email == Self.email, request.password == Self.password else {
        throw RPCError(.unauthenticated, "wrong")
      }
      return AuthAPI.CreateSessionResponse(
        sessionToken: Self.sessionToken, account: account,
        expireTime: Timestamp(seconds: 4_000_000_000, nanos: 0))
    }
    auth.on(AuthAPI.AuthMethods.deleteCurrentSession) {
      [state] (_: AuthAPI.DeleteCurrentSessionRequest, metadata) in
      try Self.requireAssertion(metadata)
      state.withLock { $0.isSessionAlive = false }
      return Empty()
    }
    auth.on(AuthAPI.AuthMethods.getCurrentAccount) {
      (_: AuthAPI.GetCurrentAccountRequest, metadata) in
      try Self.requireAssertion(metadata)
      return account
    }
    answerTokens()
  }

  private func answerTokens() {
    auth.on(AuthAPI.AuthMethods.createAccessToken) {
      [state] (request: AuthAPI.CreateAccessTokenRequest, metadata) in
      try Self.requireAssertion(metadata)
      state.withLock { $0.tokenNames.append(request.name) }
      return AuthAPI.CreateAccessTokenResponse(
        token: Self.accessToken, accessToken: AuthAPI.AccessToken(id: "t1", name: request.name))
    }
    auth.on(AuthAPI.AuthMethods.deleteAccessToken) {
      [state] (_: AuthAPI.DeleteAccessTokenRequest, metadata) in
      try Self.requireAssertion(metadata)
      state.withLock { $0.isTokenRevoked = true }
      return Empty()
    }
    auth.on(AuthAPI.AuthMethods.listAccessTokens) {
      [state] (_: AuthAPI.ListAccessTokensRequest, metadata) in
      try Self.requireAssertion(metadata)
      return AuthAPI.ListAccessTokensResponse(
        accessTokens: state.withLock { $0.tokenNames }.map {
          AuthAPI.AccessToken(id: "t1", name: $0, prefix: "chat_access", scopes: [.use])
        })
    }
  }

  private func answerVault() {
    vault.on(VaultAPI.VaultMethods.listProviderConfigs) {
      [state] (_: VaultAPI.ListProviderConfigsRequest, metadata) in
      try Self.requireAssertion(metadata)
      return VaultAPI.ListProviderConfigsResponse(providerConfigs: state.withLock { $0.configs })
    }
    vault.on(VaultAPI.VaultMethods.createProviderConfig) {
      [weak self] (request: VaultAPI.CreateProviderConfigRequest, metadata) in
      try Self.requireAssertion(metadata)
      self?.store(
        provider: request.provider, label: request.label, key: request.apiKey,
        baseURL: request.baseUrl)
      return VaultAPI.ProviderConfig(id: "new", provider: request.provider, label: request.label)
    }
    vault.on(VaultAPI.VaultMethods.getProviderConfig) {
      [state] (request: VaultAPI.GetProviderConfigRequest, metadata) in
      try Self.requireAssertion(metadata)
      let found = state.withLock { $0.configs.first { $0.id == request.id } }
      guard let found else { throw RPCError(.notFound, "there is no such configuration") }
      return found
    }
    vault.on(VaultAPI.VaultMethods.enableProviderConfig) {
      (request: VaultAPI.EnableProviderConfigRequest, metadata) in
      try Self.requireAssertion(metadata)
      return VaultAPI.ProviderConfig(id: request.id, enabled: true)
    }
    vault.on(VaultAPI.VaultMethods.deleteProviderConfig) {
      (_: VaultAPI.DeleteProviderConfigRequest, metadata) in
      try Self.requireAssertion(metadata)
      return Empty()
    }
    vault.on(VaultAPI.VaultMethods.recordUses) { [state] (request: VaultAPI.RecordUsesRequest, _) in
      state.withLock { $0.uses += request.uses }
      return VaultAPI.RecordUsesResponse(recorded: Int32(request.uses.count))
    }
    vault.on(VaultAPI.VaultMethods.resolveForTest) {
      [state] (request: VaultAPI.ResolveForTestRequest, metadata) in
      try Self.requireAssertion(metadata)
      guard request.provider != "jina" else {
        throw RPCError(
          .failedPrecondition, "no cheap call",
          details: [.errorInfo(reason: "NOT_TESTABLE", domain: "vault.chatelaine")])
      }
      guard request.id.isEmpty else { return try state.withLock { try $0.resolved(request.id) } }
      guard !request.provider.isEmpty else {
        throw RPCError(.invalidArgument, "provider: is missing")
      }
      return VaultAPI.ResolveCredentialResponse(
        provider: request.provider, apiKey: request.apiKey, baseUrl: request.baseUrl,
        useTicket: Array("ticket".utf8))
    }
    vault.on(VaultAPI.VaultMethods.resolveCredential) {
      [state] (request: VaultAPI.ResolveCredentialRequest, metadata) in
      try Self.requireAssertion(metadata)
      return try state.withLock { state in
        state.resolvedPurposes.append(request.purpose)
        guard
          let config = state.configs.first(where: {
            $0.provider == request.provider
              && (request.label.isEmpty || $0.label == request.label)
          })
        else { throw RPCError(.notFound, "no key for xAI is stored") }
        return VaultAPI.ResolveCredentialResponse(
          configId: config.id, provider: config.provider, label: config.label,
          apiKey: state.keys[config.id] ?? "", baseUrl: state.endpoints[config.id],
          useTicket: Array("ticket \(state.resolvedPurposes.count)".utf8))
      }
    }
  }
}
