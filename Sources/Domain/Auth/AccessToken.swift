package import FoundationEssentials
package import Identity

/// A named bearer credential for SDKs. The token itself is shown once; storage has its hash.
package struct AccessToken: Sendable, Hashable {
  /// Names the token in lists and receipts; proves nothing.
  package let id: UUID
  package let accountID: UserID
  package let name: String
  /// The first characters of the token, so that its owner recognises it.
  package internal(set) var hint: String
  /// What it may be used for.
  package let scopes: Scopes
  package let createTime: Date
  /// Nil: valid until revoked.
  package let expireTime: Date?
  /// Up to a minute behind: the gateway asks once in that time. Nil when never used.
  package let lastUseTime: Date?
  /// From where it was last used; empty when never, or when it isn't known.
  package var lastUseAddress = ""
  package var limits = AccessLimits.none
  /// What it was derived from, and ends with; nil for a token of its own.
  package var parent: Parent?
  /// How many tokens and sessions it is derived from, one after the other.
  package var depth = 0
  /// Until when the secret from before the last rotation works; nil when it doesn't.
  package var oldSecretExpireTime: Date?

  /// What a token can be derived from.
  package enum Parent: Sendable, Hashable {
    case accessToken(UUID)
    case session(UUID)

    package var id: UUID {
      switch self {
      case .accessToken(let id), .session(let id): id
      }
    }
  }

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
  /// Of one for which nobody says how long.
  package static let lifetimeDefault: Duration = .seconds(90 * 86_400)
  /// How long a derived token may be valid, and is when nobody says.
  package static let derivedLifetimes: ClosedRange<Duration> = .seconds(60)...(.seconds(86_400))
  package static let derivedLifetimeDefault: Duration = .seconds(3_600)
  /// Derived from a session 1, from a token derived from that 2.
  package static let depthMax = 3
  /// Derived from one credential, and in one account; not counting those that are over.
  package static let derivedPerParentMax = 100
  package static let derivedPerAccountMax = 1_000
  /// How long the old secret may work beside the new one, and does when nobody says.
  package static let overlapMax: Duration = .seconds(30 * 86_400)
  package static let overlapDefault: Duration = .seconds(86_400)
  /// Tokens that are over are shown for so long.
  package static let keptAfterEnd: Duration = .seconds(7 * 86_400)
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

  static func checkDerivedLifetime(_ lifetime: Duration) throws(AuthError) {
    guard derivedLifetimes.contains(lifetime) else {
      throw .invalid(.expiresIn, reason: "must be 1 minute to 1 day")
    }
  }

  static func checkOverlap(_ overlap: Duration) throws(AuthError) {
    guard (.zero...overlapMax).contains(overlap) else {
      throw .invalid(.overlap, reason: "must be 0 to 30 days")
    }
  }

  /// Whoever changes keys and tokens gets around limits of what may be used.
  static func check(_ scopes: Scopes, with limits: AccessLimits) throws(AuthError) {
    try checkScopes(scopes)
    guard !(scopes.all.contains(.manage) && limits.nameThings) else {
      throw .invalid(
        .scopes, reason: "must not have MANAGE with limits of providers, labels or models")
    }
  }

  static func checkLifetime(_ lifetime: Duration) throws(AuthError) {
    guard lifetimes.contains(lifetime) else {
      throw .invalid(.expiresIn, reason: "must be 1 minute to 10 years")
    }
  }
}
