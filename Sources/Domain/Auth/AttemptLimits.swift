import Addresses
import Identity
import Pacing
import Synchronization

/// How often people may try to get in. Counted in this process: behind several, each counts its
/// own.
package final class AttemptLimits: Sendable {
  /// How often each thing may be tried.
  package struct Rates: Sendable, Hashable {
    /// Log-ins for one e-mail address from one place: guesses of one password.
    package var logInsPerAccount = AttemptRate(10, per: .seconds(60))
    /// Log-ins from one place: guesses over many accounts.
    package var logInsPerSource = AttemptRate(60, per: .seconds(60))
    /// Accounts from one place: an office behind one address may join on one day.
    package var signUpsPerSource = AttemptRate(100, per: .seconds(3600))
    /// Mails that strangers can have sent to one address.
    package var mailsPerAddress = AttemptRate(5, per: .seconds(3600))
    /// Mails that one place can have sent.
    package var mailsPerSource = AttemptRate(30, per: .seconds(3600))
    /// Tries of links from one place.
    package var linksPerSource = AttemptRate(60, per: .seconds(60))

    package init() {}
  }

  private struct Target: Hashable, Sendable {
    let source: ClientSource
    let emailKey: String
  }

  /// Places and accounts that are remembered at one time, for each rate.
  package static let keysMax = 50_000

  private let logInsPerAccount: TokenBuckets<Target>
  private let logInsPerSource: TokenBuckets<ClientSource>
  private let signUpsPerSource: TokenBuckets<ClientSource>
  private let mailsPerAddress: TokenBuckets<String>
  private let mailsPerSource: TokenBuckets<ClientSource>
  private let linksPerSource: TokenBuckets<ClientSource>

  package init(
    _ rates: Rates = Rates(), now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    logInsPerAccount = TokenBuckets(rates.logInsPerAccount, keysMax: Self.keysMax, now: now)
    logInsPerSource = TokenBuckets(rates.logInsPerSource, keysMax: Self.keysMax, now: now)
    signUpsPerSource = TokenBuckets(rates.signUpsPerSource, keysMax: Self.keysMax, now: now)
    mailsPerAddress = TokenBuckets(rates.mailsPerAddress, keysMax: Self.keysMax, now: now)
    mailsPerSource = TokenBuckets(rates.mailsPerSource, keysMax: Self.keysMax, now: now)
    linksPerSource = TokenBuckets(rates.linksPerSource, keysMax: Self.keysMax, now: now)
  }

  /// Throws `.tooManyAttempts` before a sign-up is looked at.
  func admitSignUp(from origin: CallOrigin) throws(AuthError) {
    try admit(signUpsPerSource.take(ClientSource(origin.ipAddress)))
  }

  /// Throws `.tooManyAttempts` before a password is looked at. The key is folded, so that case
  /// doesn't buy more attempts.
  func admitLogIn(for email: EmailAddress, from origin: CallOrigin) throws(AuthError) {
    let source = ClientSource(origin.ipAddress)
    try admit(logInsPerSource.take(source))
    try admit(logInsPerAccount.take(Target(source: source, emailKey: email.key)))
  }

  /// Throws `.tooManyAttempts` before it is looked at whether anybody has this address.
  func admitMail(to email: EmailAddress, from origin: CallOrigin) throws(AuthError) {
    try admit(mailsPerSource.take(ClientSource(origin.ipAddress)))
    try admit(mailsPerAddress.take(email.key))
  }

  /// Whether one more mail may go to this address, where nobody is told that it doesn't.
  func allowsMail(to email: EmailAddress) -> Bool { mailsPerAddress.take(email.key) == nil }

  /// Throws `.tooManyAttempts` before a link is looked at.
  func admitLink(from origin: CallOrigin) throws(AuthError) {
    try admit(linksPerSource.take(ClientSource(origin.ipAddress)))
  }

  /// Lets an account's owner try again at once, wherever they are.
  func forgive(_ email: EmailAddress) {
    logInsPerAccount.forget(where: { $0.emailKey == email.key })
  }

  private func admit(_ delay: Duration?) throws(AuthError) {
    if let delay { throw .tooManyAttempts(retryAfter: delay) }
  }
}

/// Where attempts come from, as coarse as one customer of a network: an IPv4 address or an IPv6
/// /64, since whoever has one IPv6 address has 2^64 of them.
enum ClientSource: Hashable, Sendable {
  case network(IPAddress)
  /// A caller without an address: a place of its own.
  case other(String)

  /// Takes the text of an address.
  init(_ text: String) {
    guard let address = IPAddress(text)?.unmapped else {
      self = .other(text)
      return
    }
    self = .network(address.isIPv4 ? address : address.network(prefixBits: 64))
  }
}

/// Counts attempts by key, each key with a bucket that refills steadily.
///
/// Bounded: of `keysMax` keys the least recently used are forgotten, in two generations. To be
/// forgotten is to have a full bucket again, so keys under attack, which are in constant use, stay.
package final class TokenBuckets<Key: Hashable & Sendable>: Sendable {
  private struct State {
    var recent: [Key: TokenBucket] = [:]
    var older: [Key: TokenBucket] = [:]
  }

  private let limit: RateLimit
  private let keysMax: Int
  private let now: @Sendable () -> ContinuousClock.Instant
  private let beginning: ContinuousClock.Instant
  private let state = Mutex(State())

  package init(
    _ rate: AttemptRate, keysMax: Int,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    limit = rate.limit
    self.keysMax = keysMax
    self.now = now
    beginning = now()
  }

  /// Takes one attempt; when there is none left, returns how long until there is.
  package func take(_ key: Key) -> Duration? {
    let now = beginning.duration(to: now()).nanosecondsClamped
    return state.withLock { state in
      var bucket = state.recent[key] ?? state.older[key] ?? TokenBucket(now: now)
      let wait = bucket.take(now: now, limit)
      if state.recent[key] == nil, state.recent.count >= keysMax / 2 {
        state.older = state.recent
        state.recent = [:]
      }
      state.recent[key] = bucket
      return wait
    }
  }

  /// Gives keys full buckets again.
  func forget(where isMeant: (Key) -> Bool) {
    state.withLock { state in
      state.recent = state.recent.filter { !isMeant($0.key) }
      state.older = state.older.filter { !isMeant($0.key) }
    }
  }
}

/// So many attempts in so much time; all of them may come at once.
package struct AttemptRate: Sendable, Hashable {
  package let count: Int
  package let period: Duration

  package init(_ count: Int, per period: Duration) {
    self.count = count
    self.period = period
  }

  var limit: RateLimit { RateLimit(burst: count, interval: period / count) }
}
