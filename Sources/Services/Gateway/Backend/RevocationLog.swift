import FoundationEssentials
import ServiceAPI

/// A session or access token by the ids that `auth` gave it.
struct CredentialName: Sendable, Hashable {
  let accountID: UUID
  let credentialID: UUID
}

/// What has been revoked: a credential, or all of an account's.
struct RevokedCredentials: Sendable, Hashable {
  /// Nil where only the credential is known.
  let accountID: UUID?
  /// Nil: all of the account's.
  let credentialID: UUID?

  func include(_ name: CredentialName) -> Bool {
    if let credentialID { return credentialID == name.credentialID }
    return accountID == name.accountID
  }
}

/// What the gateway has heard of revocations, and how complete that is.
struct RevocationLog {
  typealias Instant = ContinuousClock.Instant

  /// What was revoked longer ago than this is known for certain, or nothing counts as known; under
  /// a second, with room for the request that relies on it.
  static let ageMax: Duration = .milliseconds(800)
  /// Revocations that are remembered for those who were asking `auth` meanwhile.
  static let recentMax = 4_096

  /// What has become of a credential since some moment.
  enum Verdict: Sendable, Hashable {
    case stands
    case revoked
    /// Too much has happened since, or not all of it was heard.
    case unknown
  }

  /// Counts the streams from `auth`.
  private(set) var stream = 0
  /// What was revoked before has been heard; nil while there is no stream, or it has said nothing.
  private var completeUntil: Instant?
  private var recent: [RevokedCredentials] = []
  /// Those before `recent`.
  private var forgottenCount = 0

  /// This moment, among the revocations that were heard.
  var mark: Int { forgottenCount + recent.count }

  /// The stream that tells of what happens from now on; nil when there is none.
  var openStream: Int? { completeUntil == nil ? nil : stream }

  /// Whether everything is known that was revoked a second ago.
  func isLive(at now: Instant) -> Bool {
    guard let completeUntil else { return false }
    return completeUntil.duration(to: now) <= Self.ageMax
  }

  /// Never goes back: an answer that was long on its way says nothing new about time.
  mutating func isComplete(until moment: Instant) {
    completeUntil = completeUntil.map { max($0, moment) } ?? moment
  }

  mutating func streamHasEnded() {
    stream += 1
    completeUntil = nil
  }

  mutating func note(_ revoked: RevokedCredentials) {
    if recent.count >= Self.recentMax {
      recent.removeFirst(Self.recentMax / 2)
      forgottenCount += Self.recentMax / 2
    }
    recent.append(revoked)
  }

  /// Some revocations were not heard: whatever was known before this moment may be wrong.
  mutating func noteGap() {
    forgottenCount = mark + 1
    recent = []
  }

  func verdict(on name: CredentialName, since mark: Int) -> Verdict {
    guard mark >= forgottenCount else { return .unknown }
    return recent.dropFirst(mark - forgottenCount).contains { $0.include(name) }
      ? .revoked : .stands
  }
}

extension CredentialName {
  /// Nil from an `auth` that doesn't tell of revocations.
  init?(_ response: AuthAPI.AuthenticateResponse) {
    guard let account = response.account, let accountID = UUID(uuidString: account.id),
      let credentialID = UUID(uuidString: response.credentialId)
    else { return nil }
    self.init(accountID: accountID, credentialID: credentialID)
  }
}

extension RevokedCredentials {
  init?(_ revocation: AuthAPI.Revocation) {
    guard let accountID = UUID(uuidString: revocation.accountId) else { return nil }
    guard !revocation.credentialId.isEmpty else {
      self.init(accountID: accountID, credentialID: nil)
      return
    }
    guard let credentialID = UUID(uuidString: revocation.credentialId) else { return nil }
    self.init(accountID: accountID, credentialID: credentialID)
  }
}
