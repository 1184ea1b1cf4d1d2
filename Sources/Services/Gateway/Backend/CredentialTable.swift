import FoundationEssentials
import Identity
import ServiceAPI

/// What answers about an access token are remembered by: its SHA-256, what was asked for, and who
/// will bring it.
struct TokenDigest: Sendable, Hashable {
  let bytes: [UInt8]
  var purposes: [AssertionPurpose] = []
  var certificates: [[UInt8]] = []
}

/// What `auth` said of a credential.
struct KnownCredential: Sendable {
  let assertions: Assertions
  let account: AuthAPI.Account
  let limits: AccessLimits
  /// Nil when `auth` gave it no ids, as one did from before revocations were told.
  let name: CredentialName?
  /// When it was asked for, among the revocations that were heard.
  var mark: Int
}

/// Answers of `auth` by the digest of the token, in bounds: all together, and for each account, so
/// that nobody takes the room of the others.
struct CredentialTable {
  typealias Instant = ContinuousClock.Instant

  struct Limits: Sendable {
    var entries = 10_000
    /// Of one account; its further tokens are asked for each time.
    var entriesPerAccount = 64
    var unknown = 4_096
  }

  private struct Entry {
    let known: KnownCredential
    let name: CredentialName
    let end: Instant
  }

  /// How long a token that `auth` doesn't know is refused without asking.
  static let unknownLifetime: Duration = .seconds(1)

  private let limits: Limits
  private var entries: [TokenDigest: Entry] = [:]
  /// One for each set of purposes; a token that was rotated has two tokens for a while.
  private var digests: [UUID: Set<TokenDigest>] = [:]
  private var countByAccount: [UUID: Int] = [:]
  /// Two generations of a lifetime each stand for the order of time.
  private var unknown: [TokenDigest: Instant] = [:]
  private var olderUnknown: [TokenDigest: Instant] = [:]
  private var unknownTurned: Instant

  init(_ limits: Limits, at now: Instant) {
    self.limits = limits
    unknownTurned = now
  }

  /// Tokens that are taken for valid.
  var count: Int { entries.count }
  var unknownCount: Int { unknown.count + olderUnknown.count }

  // MARK: Valid ones

  func known(_ digest: TokenDigest, at now: Instant) -> KnownCredential? {
    guard let entry = entries[digest], now < entry.end else { return nil }
    return entry.known
  }

  /// Keeps an answer until `end`, if there is room.
  mutating func keep(
    _ known: KnownCredential, named name: CredentialName, _ digest: TokenDigest,
    until end: Instant
  ) {
    remove(digest)
    guard entries.count < limits.entries,
      countByAccount[name.accountID, default: 0] < limits.entriesPerAccount
    else { return }
    entries[digest] = Entry(known: known, name: name, end: end)
    digests[name.credentialID, default: []].insert(digest)
    countByAccount[name.accountID, default: 0] += 1
  }

  mutating func remove(_ digest: TokenDigest) {
    guard let entry = entries.removeValue(forKey: digest) else { return }
    digests[entry.name.credentialID]?.remove(digest)
    if digests[entry.name.credentialID]?.isEmpty == true {
      digests[entry.name.credentialID] = nil
    }
    let left = countByAccount[entry.name.accountID, default: 1] - 1
    countByAccount[entry.name.accountID] = left > 0 ? left : nil
  }

  mutating func remove(_ revoked: RevokedCredentials) {
    if let id = revoked.credentialID {
      for digest in digests[id] ?? [] { remove(digest) }
    } else {
      for (digest, entry) in entries where revoked.include(entry.name) { remove(digest) }
    }
  }

  mutating func removeEnded(at now: Instant) {
    for (digest, entry) in entries where entry.end <= now { remove(digest) }
  }

  mutating func removeAll() {
    entries = [:]
    digests = [:]
    countByAccount = [:]
  }

  // MARK: Unknown ones

  func isUnknown(_ digest: TokenDigest, at now: Instant) -> Bool {
    guard let end = unknown[digest] ?? olderUnknown[digest] else { return false }
    return now < end
  }

  /// Remembers that `auth` refused the token when it was asked at `asked`.
  mutating func noteUnknown(_ digest: TokenDigest, asked: Instant, at now: Instant) {
    remove(digest)
    if unknownTurned.duration(to: now) >= Self.unknownLifetime {
      olderUnknown = unknown
      unknown = [:]
      unknownTurned = now
    }
    guard unknown.count < limits.unknown / 2 else { return }
    unknown[digest] = asked + Self.unknownLifetime
  }
}
