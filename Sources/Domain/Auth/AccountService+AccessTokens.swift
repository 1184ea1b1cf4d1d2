package import Cryptography
import FoundationEssentials
package import Identity
import Receipts
package import UseCases

/// Tokens that were derived from others, and new secrets for old tokens.
extension AccountService {
  /// Mints a short-lived token for the caller's own credential. The secret is in this answer only.
  ///
  /// It may do no more than the credential, ends no later, and is revoked with it.
  ///
  /// - Parameters:
  ///   - name: empty for that of the credential.
  ///   - scopes: without any, those of the calling token; of a session, `use` alone.
  ///   - lifetime: nil for `AccessToken.derivedLifetimeDefault`; cut where the credential ends.
  package func deriveAccessToken(
    name: String, scopes: Scopes, expiresIn lifetime: Duration?, limits: AccessLimits,
    for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> (secret: SecureToken, token: AccessToken) {
    try await door.perform(.accessTokenDerive, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<(secret: SecureToken, token: AccessToken)> in
      let parent = try await heritage(of: caller)
      let name = name.isEmpty ? parent.name : name
      try AccessToken.checkName(name)
      if let lifetime { try AccessToken.checkDerivedLifetime(lifetime) }
      let scopes = scopes.all.isEmpty ? parent.scopesDefault : scopes
      let limits = parent.limits.narrowed(to: try limits.checked())
      try AccessToken.check(scopes, with: limits)
      guard parent.scopes.include(scopes), parent.limits.cover(limits) else {
        throw .denied(.moreThanOwn)
      }
      guard parent.depth < AccessToken.depthMax else { throw .derivedTooDeep }
      let now = door.now
      let end = now.advanced(
        by: (lifetime ?? AccessToken.derivedLifetimeDefault).timeInterval)
      let secret = try AuthService.token(prefix: AccessToken.tokenPrefix)
      var token = AccessToken(
        id: SecureRandom.uuid(), accountID: caller.userID, name: name, hint: secret.hint,
        scopes: scopes, createTime: now, expireTime: parent.end.map { min($0, end) } ?? end)
      token.limits = limits
      token.parent = parent.credential
      token.depth = parent.depth + 1
      entry.set(.accessToken(token))
      entry.set("scopes", .text(scopes.text))
      entry.set("parent", .text(parent.credential.id.text))
      try await store.insertDerived(
        token, hash: secret.storageHash, receipt: entry.success(at: now))
      return .committed((secret, token))
    }
  }

  /// What the caller's credential has to give.
  private struct Heritage {
    let credential: AccessToken.Parent
    let name: String
    let scopes: Scopes
    let scopesDefault: Scopes
    let limits: AccessLimits
    let end: Date?
    let depth: Int
  }

  private func heritage(of caller: Caller) async throws(AuthError) -> Heritage {
    switch caller.credential {
    case .session(let id):
      guard let session = try await store.session(id, of: caller.userID) else {
        throw .unauthenticated
      }
      return Heritage(
        credential: .session(id), name: Device.name(userAgent: session.origin.userAgent),
        scopes: Scopes(Scope.allCases), scopesDefault: .standard, limits: .none,
        end: session.expireTime, depth: 0)
    case .accessToken(let id):
      guard let token = try await store.storedAccessToken(id, of: caller.userID),
        token.isAlive(at: door.now)
      else { throw .unauthenticated }
      let scopes = Scopes(caller.scopes.all.intersection(token.scopes.all))
      return Heritage(
        credential: .accessToken(id), name: token.name, scopes: scopes, scopesDefault: scopes,
        limits: token.limits, end: token.expireTime, depth: token.depth)
    case .operator: throw .denied(.wrongCredential)
    }
  }

  /// Gives a token another secret, which is in this answer only; the one from before works on for
  /// `overlap`, and one from before that no more.
  ///
  /// - Parameter overlap: nil for `AccessToken.overlapDefault`; with zero, tokens that were derived
  ///   from it end too, because whoever has it now may have made them.
  package func rotateAccessToken(
    _ id: String, overlap: Duration?, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> (secret: SecureToken, token: AccessToken) {
    try await door.perform(.accessTokenRotate, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<(secret: SecureToken, token: AccessToken)> in
      guard let id = UUID(uuidString: id) else { throw .notFound }
      entry.set(Receipt.Target(type: "access-token", id: id.text))
      let overlap = overlap ?? AccessToken.overlapDefault
      try AccessToken.checkOverlap(overlap)
      let now = door.now
      guard let token = try await store.storedAccessToken(id, of: caller.userID),
        token.isAlive(at: now)
      else { throw .notFound }
      entry.set(.accessToken(token))
      guard token.parent == nil else {
        throw .invalid(.id, reason: "is of a derived token: derive another one")
      }
      try await checkMayHave(token, caller)
      entry.set("overlapSeconds", .number(Int(overlap.components.seconds)))
      let secret = try AuthService.token(prefix: AccessToken.tokenPrefix)
      var rotated = token
      rotated.hint = secret.hint
      rotated.oldSecretExpireTime =
        overlap > .zero ? now.advanced(by: overlap.timeInterval) : nil
      try await store.rotate(
        rotated, hash: secret.storageHash, receipt: entry.success(at: now))
      return .committed((secret, rotated))
    }
  }

  /// A token that rotates another gets its secret: it must have all of it itself.
  private func checkMayHave(_ token: AccessToken, _ caller: Caller) async throws(AuthError) {
    guard case .accessToken = caller.credential else { return }
    let own = try await heritage(of: caller)
    let isNoLonger = own.end.map { end in token.expireTime.map { $0 <= end } ?? false } ?? true
    guard own.scopes.include(token.scopes), own.limits.cover(token.limits), isNoLonger else {
      throw .denied(.moreThanOwn)
    }
  }

  /// Revokes all of somebody's access tokens.
  package func revokeAccessTokens(
    of user: String, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> User {
    try await door.perform(.accountTokensRevoke, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<User> in
      var change = AccountChange()
      change.endsAccessTokens = true
      let account = try await account(user, &entry)
      return .committed(try await apply(change, to: account, telling: nil, entry))
    }
  }
}
