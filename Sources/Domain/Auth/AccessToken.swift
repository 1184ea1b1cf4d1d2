package import FoundationEssentials
package import Identity

/// A named bearer credential for SDKs. The token itself is shown once; storage has its hash.
package struct AccessToken: Sendable, Hashable {
  /// Names the token in lists and receipts; proves nothing.
  package let id: UUID
  package let accountID: UserID
  package let name: String
  /// The first characters of the token, so that its owner recognises it.
  package let hint: String
  /// What it may be used for.
  package let scopes: Scopes
  package let createTime: Date
  /// Nil: valid until revoked.
  package let expireTime: Date?
  /// Up to a minute behind: the gateway asks once in that time. Nil when never used.
  package let lastUseTime: Date?

  package init(
    id: UUID, accountID: UserID, name: String, hint: String, scopes: Scopes, createTime: Date,
    expireTime: Date?, lastUseTime: Date? = nil
  ) {
    self.id = id
    self.accountID = accountID
    self.name = name
    self.hint = hint
    self.scopes = scopes
    self.createTime = createTime
    self.expireTime = expireTime
    self.lastUseTime = lastUseTime
  }

  /// What every access token begins with.
  package static let tokenPrefix = AccessTokenText.prefix
  package static let nameCharactersMax = 100
  /// How long a token may be valid, when it ends at all: a minute to ten years.
  package static let lifetimes: ClosedRange<Duration> = .seconds(60)...(.seconds(3653 * 86_400))
  /// A use so soon after the last one that was noted is not noted.
  package static let lastUseInterval: Duration = .seconds(5)

  func isAlive(at now: Date) -> Bool { expireTime.map { now < $0 } ?? true }

  static func checkName(_ name: String) throws(AuthError) {
    guard (1...nameCharactersMax).contains(name.unicodeScalars.count) else {
      throw .invalid(.name, reason: "must have 1 to \(nameCharactersMax) characters")
    }
    guard name.isFreeOfControlCharacters else {
      throw .invalid(.name, reason: "must not contain control characters")
    }
  }

  static func checkScopes(_ scopes: Scopes) throws(AuthError) {
    guard !scopes.all.isEmpty else {
      throw .invalid(.scopes, reason: "must name what the token may be used for")
    }
  }

  static func checkLifetime(_ lifetime: Duration) throws(AuthError) {
    guard lifetimes.contains(lifetime) else {
      throw .invalid(.expiresIn, reason: "must be 1 minute to 10 years")
    }
  }
}
