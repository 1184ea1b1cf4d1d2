package import Cryptography
import FoundationEssentials
package import Identity
import Receipts
package import UseCases

extension AuthService {
  /// Creates an access token. The secret is in this answer only.
  ///
  /// A token that creates another can give it neither more scopes nor a longer life than its own.
  package func createAccessToken(
    name: String, scopes: Scopes, expiresIn lifetime: Duration?, for caller: Caller,
    from origin: CallOrigin
  ) async throws(AuthError) -> (secret: SecureToken, token: AccessToken) {
    try await door.perform(.accessTokenCreate, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<(secret: SecureToken, token: AccessToken)> in
      try AccessToken.checkName(name)
      try AccessToken.checkScopes(scopes)
      if let lifetime { try AccessToken.checkLifetime(lifetime) }
      let secret = try Self.token(prefix: AccessToken.tokenPrefix)
      let now = door.now
      let token = AccessToken(
        id: UUID(), accountID: caller.userID, name: name, hint: secret.hint, scopes: scopes,
        createTime: now, expireTime: lifetime.map { now.advanced(by: $0.timeInterval) })
      entry.set(.accessToken(token))
      entry.set("scopes", .text(scopes.text))
      if let lifetime {
        entry.set("expiresInSeconds", .number(Int(lifetime.components.seconds)))
      }
      try await checkHeritage(of: token, from: caller)
      try await store.insert(
        token, hash: secret.storageHash, countMax: Self.accessTokensPerAccountMax,
        receipt: entry.success(at: now))
      return .committed((secret, token))
    }
  }

  /// Throws `.denied(.moreThanOwn)` when the caller is an access token that has less to give.
  private func checkHeritage(
    of token: AccessToken, from caller: Caller
  ) async throws(AuthError) {
    guard case .accessToken(let id) = caller.credential else { return }
    guard let parent = try await store.accessToken(id, of: caller.userID) else {
      throw .unauthenticated
    }
    guard caller.scopes.include(token.scopes), parent.scopes.include(token.scopes) else {
      throw .denied(.moreThanOwn)
    }
    guard let end = parent.expireTime else { return }
    guard let childEnd = token.expireTime, childEnd <= end else { throw .denied(.moreThanOwn) }
  }

  /// One page of the caller's tokens, newest first; `size` 0 means the default, an empty
  /// `pageToken` the first page.
  package func accessTokens(
    of caller: Caller, size: Int, pageToken: String, from origin: CallOrigin
  ) async throws(AuthError) -> Page<AccessToken> {
    try await door.perform(.accessTokenList, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<Page<AccessToken>> in
      let request = try Self.page(size: size, token: pageToken, of: "access-tokens")
      let found = try await store.accessTokens(
        of: caller.userID, behind: request.position, limit: request.limit + 1)
      return .looked(
        request.page(of: found) { PagePosition(time: $0.createTime, id: $0.id) })
    }
  }

  static func page(
    size: Int, token: String, of list: String
  ) throws(AuthError) -> PageRequest {
    do {
      return try PageRequest(size: size, token: token, of: list)
    } catch {
      throw .invalid(error == .size ? .pageSize : .pageToken, reason: error.reason)
    }
  }

  /// Revokes a token of the caller's; another user's is `.notFound` like none at all.
  package func deleteAccessToken(
    _ id: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.accessTokenDelete, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      guard let id = UUID(uuidString: id) else { throw .notFound }
      entry.set(Receipt.Target(type: "access-token", id: id.text))
      let now = door.now
      let draft = entry
      try await store.deleteAccessToken(id, of: caller.userID) { token in
        var entry = draft
        entry.set(.accessToken(token))
        return entry.success(at: now)
      }
      return .committed(())
    }
  }
}
