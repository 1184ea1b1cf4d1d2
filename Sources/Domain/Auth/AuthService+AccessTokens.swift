package import Cryptography
import FoundationEssentials
package import Identity
import Receipts
package import UseCases

extension AuthService {
  /// Creates an access token. The secret is in this answer only.
  ///
  /// A token that creates another can give it neither more scopes nor a longer life than its own,
  /// nor fewer limits; one that was derived itself creates none, which would outlive its parent.
  ///
  /// - Parameter lifetime: nil for `AccessToken.lifetimeDefault`, or none if `isEndless`.
  package func createAccessToken(
    name: String, scopes: Scopes, expiresIn lifetime: Duration?, isEndless: Bool = false,
    limits: AccessLimits = .none, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> (secret: SecureToken, token: AccessToken) {
    try await door.perform(.accessTokenCreate, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<(secret: SecureToken, token: AccessToken)> in
      try AccessToken.checkName(name)
      let limits = try limits.checked()
      try AccessToken.check(scopes, with: limits)
      if let lifetime { try AccessToken.checkLifetime(lifetime) }
      guard lifetime == nil || !isEndless else {
        throw .invalid(.expiresIn, reason: "must not be there for a token that is endless")
      }
      let secret = try Self.token(prefix: AccessToken.tokenPrefix)
      let now = door.now
      let parent = try await parent(of: caller)
      let fallback = isEndless ? nil : AccessToken.lifetimeDefault
      var end = (lifetime ?? fallback).map { now.advanced(by: $0.timeInterval) }
      // Nobody has said how long: no longer than may be.
      if lifetime == nil, let most = parent?.expireTime, !isEndless {
        end = end.map { min($0, most) }
      }
      var token = AccessToken(
        id: UUID(), accountID: caller.userID, name: name, hint: secret.hint, scopes: scopes,
        createTime: now, expireTime: end)
      token.limits = limits
      entry.set(.accessToken(token))
      entry.set("scopes", .text(scopes.text))
      if let end {
        entry.set("expiresInSeconds", .number(Int(end.timeIntervalSince(now))))
      }
      if !limits.areNone { entry.set("isLimited", .flag(true)) }
      if let parent { try Self.checkHeritage(of: token, from: parent, caller) }
      try await store.insert(
        token, hash: secret.storageHash, countMax: Self.accessTokensPerAccountMax,
        receipt: entry.success(at: now))
      return .committed((secret, token))
    }
  }

  /// The access token that the caller is; nil for a person.
  private func parent(of caller: Caller) async throws(AuthError) -> AccessToken? {
    guard case .accessToken(let id) = caller.credential else { return nil }
    guard let parent = try await store.accessToken(id, of: caller.userID) else {
      throw .unauthenticated
    }
    guard parent.parent == nil else { throw .denied(.wrongCredential) }
    return parent
  }

  /// Throws `.denied(.moreThanOwn)` when the token that creates another has less to give.
  private static func checkHeritage(
    of token: AccessToken, from parent: AccessToken, _ caller: Caller
  ) throws(AuthError) {
    guard caller.scopes.include(token.scopes), parent.scopes.include(token.scopes),
      parent.limits.cover(token.limits)
    else {
      throw .denied(.moreThanOwn)
    }
    guard let end = parent.expireTime else { return }
    guard let childEnd = token.expireTime, childEnd <= end else { throw .denied(.moreThanOwn) }
  }

  /// One page of the caller's tokens, newest first; `size` 0 means the default, an empty
  /// `pageToken` the first page.
  ///
  /// - Parameter parent: the token or session that they were derived from; empty for those that
  ///   were not derived.
  package func accessTokens(
    of caller: Caller, derivedFrom parent: String = "", size: Int, pageToken: String,
    from origin: CallOrigin
  ) async throws(AuthError) -> Page<AccessToken> {
    try await door.perform(.accessTokenList, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<Page<AccessToken>> in
      let list = parent.isEmpty ? "access-tokens" : "access-tokens\n\(parent)"
      let request = try Self.page(size: size, token: pageToken, of: list)
      let parentID = UUID(uuidString: parent)
      guard parent.isEmpty || parentID != nil else {
        throw .invalid(.parentID, reason: "must be the id of a token or session")
      }
      let found = try await store.accessTokens(
        of: caller.userID, derivedFrom: parentID, behind: request.position,
        limit: request.limit + 1)
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

  /// What an access token calls itself when it is to be revoked.
  package static let currentTokenID = "current"

  /// Revokes a token of the caller's; another user's is `.notFound` like none at all.
  ///
  /// - Parameter id: `current` is the token that asks: whatever it may do, it may end itself.
  package func deleteAccessToken(
    _ id: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.accessTokenDelete, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      let id = try Self.token(id, endedBy: caller)
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

  /// The id that is meant; throws `.denied(.missingScope)` for another token than the caller's own
  /// when that has no `manage`.
  private static func token(_ id: String, endedBy caller: Caller) throws(AuthError) -> UUID {
    guard case .accessToken(let own) = caller.credential else {
      guard let id = UUID(uuidString: id) else { throw .notFound }
      return id
    }
    if id == currentTokenID { return own }
    let id = UUID(uuidString: id)
    guard caller.scopes.all.contains(.manage) || id == own else { throw .denied(.missingScope) }
    guard let id else { throw .notFound }
    return id
  }
}
