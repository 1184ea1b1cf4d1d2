package import Cryptography
internal import FoundationEssentials
package import Identity
internal import Receipts

extension AuthService {
  /// Access tokens of one page, and how many come when the reader doesn't say.
  package static let pageAccessTokensMax = 200
  package static let pageAccessTokensDefault = 50

  /// Creates an access token. The secret is in this answer only.
  package func createAccessToken(
    name: String, expiresIn lifetime: Duration?, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> (secret: SecureToken, token: AccessToken) {
    try AccessToken.checkName(name)
    if let lifetime { try AccessToken.checkLifetime(lifetime) }
    let secret = try Self.token(prefix: AccessToken.tokenPrefix)
    let now = now
    let token = AccessToken(
      id: UUID(), accountID: caller.userID, name: name, hint: secret.hint, createTime: now,
      expireTime: lifetime.map { now.advanced(by: $0.timeInterval) })
    var details: [String: Receipt.Detail] = [:]
    if let lifetime { details["expiresInSeconds"] = .number(Int(lifetime.components.seconds)) }
    let receipt = ReceiptDraft(.accessTokenCreate, by: caller, from: origin)
      .receipt(at: now, target: .accessToken(token), details: details)
    try await store.insert(
      token, hash: secret.storageHash, countMax: Self.accessTokensPerAccountMax, receipt: receipt)
    return (secret, token)
  }

  /// One page of the caller's tokens, newest first; `size` 0 means the default, an empty
  /// `pageToken` the first page.
  package func accessTokens(
    of caller: Caller, size: Int, pageToken: String
  ) async throws(AuthError) -> AccessTokenPage {
    guard (0...Self.pageAccessTokensMax).contains(size) else {
      throw .invalid(
        .pageSize, reason: "must be 1 to \(Self.pageAccessTokensMax), or 0 for the default")
    }
    let position = pageToken.isEmpty ? nil : try AccessTokenPosition(pageToken)
    let limit = size == 0 ? Self.pageAccessTokensDefault : size
    // One more than wanted tells whether there is a next page.
    let found = try await store.accessTokens(
      of: caller.userID, behind: position, limit: limit + 1)
    let page = Array(found.prefix(limit))
    let next = found.count > limit ? page.last.map { AccessTokenPosition($0).text } : nil
    return AccessTokenPage(accessTokens: page, nextPageToken: next)
  }

  /// Revokes a token of the caller's; another user's is `.notFound` like none at all.
  package func deleteAccessToken(
    _ id: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    guard let id = UUID(uuidString: id) else { throw .notFound }
    let draft = ReceiptDraft(.accessTokenDelete, by: caller, from: origin)
    let now = now
    try await store.deleteAccessToken(id, of: caller.userID) { token in
      draft.receipt(at: now, target: .accessToken(token))
    }
  }
}
