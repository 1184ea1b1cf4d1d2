import Addresses
package import FoundationEssentials
import Identity

/// How often people may try to get in: counted once for all instances, and so that nobody locks
/// anybody else out.
///
/// A network may try as often as it has room for customers: each of its addresses has its share,
/// and wider networks have several. Wrong passwords for one account, wherever they come from, hold
/// up further tries; a device that has logged in to it before passes.
package struct AttemptLimits: Sendable {
  /// How often each thing may be tried.
  package struct Rates: Sendable, Hashable {
    /// Log-ins for one e-mail address from one place: guesses of one password.
    package var logInsPerAccount = AttemptRate(10, per: .seconds(60))
    /// Log-ins from one place: guesses over many accounts.
    package var logInsPerSource = AttemptRate(60, per: .seconds(60))
    /// Log-ins of everybody: what the processors can hash, and more.
    package var logIns = AttemptRate(3_000, per: .seconds(60))
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

  /// Wrong passwords for one account before log-in is held up, wherever they come from.
  package static let failuresMax = 10
  /// The first hold; each further failure doubles it.
  package static let holdMin: Duration = .seconds(60)
  package static let holdMax: Duration = .seconds(3600)
  /// Failures that are older don't count.
  package static let failureMemory: Duration = .seconds(86_400)

  private let rates: Rates
  private let store: any AttemptStore

  package init(_ rates: Rates = Rates(), store: any AttemptStore) {
    self.rates = rates
    self.store = store
  }

  /// Throws `.tooManyAttempts` before a sign-up is looked at.
  func admitSignUp(from origin: CallOrigin, at now: Date) async throws(AuthError) {
    try await admit(
      ClientSource(origin.ipAddress).attempts("sign-up", rates.signUpsPerSource), at: now)
  }

  /// Throws `.tooManyAttempts` before a password is looked at.
  ///
  /// - Parameter device: one that has logged in to this account before.
  func admitLogIn(
    for email: EmailAddress, from origin: CallOrigin, device: UUID? = nil, at now: Date
  ) async throws(AuthError) {
    let source = ClientSource(origin.ipAddress)
    var attempts = source.attempts("log-in", rates.logInsPerSource)
    if let device {
      attempts.append(Attempt("log-in/device/\(device)", rates.logInsPerAccount))
    } else {
      attempts.append(
        Attempt(
          "log-in/account/\(email.key)/\(source.name)", rates.logInsPerAccount,
          subject: email.key))
    }
    attempts.append(Attempt("log-in/all", rates.logIns))
    try await admit(attempts, at: now)
    guard device == nil, let end = try await store.holdEnd(of: email.key, at: now) else { return }
    throw .tooManyAttempts(retryAfter: .seconds(max(1, end.timeIntervalSince(now).rounded(.up))))
  }

  /// Throws `.tooManyAttempts` before a password or code of somebody who is logged in is looked at.
  func admitConfirmation(of account: UserID, at now: Date) async throws(AuthError) {
    try await admit([Attempt("confirm/\(account.text)", rates.logInsPerAccount)], at: now)
  }

  /// Counts a wrong password; says whether it is the one with which log-in begins to be held up.
  func noteFailure(for email: EmailAddress, at now: Date) async throws(AuthError) -> Bool {
    try await store.noteFailure(of: email.key, at: now) == Self.failuresMax
  }

  /// Throws `.tooManyAttempts` before it is looked at whether anybody has this address.
  func admitMail(
    to email: EmailAddress, from origin: CallOrigin, at now: Date
  ) async throws(AuthError) {
    try await admit(
      ClientSource(origin.ipAddress).attempts("mail", rates.mailsPerSource)
        + [Attempt("mail/address/\(email.key)", rates.mailsPerAddress)], at: now)
  }

  /// Whether one more mail may go to this address, where nobody is told that it doesn't.
  func allowsMail(to email: EmailAddress, at now: Date) async throws(AuthError) -> Bool {
    try await store.take(
      [Attempt("mail/address/\(email.key)", rates.mailsPerAddress)], at: now) == nil
  }

  /// Throws `.tooManyAttempts` before a link is looked at.
  func admitLink(from origin: CallOrigin, at now: Date) async throws(AuthError) {
    try await admit(
      ClientSource(origin.ipAddress).attempts("link", rates.linksPerSource), at: now)
  }

  /// Lets an account's owner try again at once, wherever they are.
  func forgive(_ email: EmailAddress) async throws(AuthError) {
    try await store.forgive(email.key)
  }

  /// Removes what is as good as forgotten.
  func sweep(at now: Date) async throws(AuthError) { try await store.sweep(at: now) }

  private func admit(_ attempts: [Attempt], at now: Date) async throws(AuthError) {
    if let delay = try await store.take(attempts, at: now) {
      throw .tooManyAttempts(retryAfter: delay)
    }
  }

  /// How long log-in is held up after so many failures.
  package static func hold(afterFailures count: Int) -> Duration {
    guard count >= failuresMax else { return .zero }
    return min(holdMax, holdMin * (1 << min(count - failuresMax, 16)))
  }
}

/// One try of one thing.
package struct Attempt: Sendable, Hashable {
  /// What is tried, and by whom.
  package let name: String
  package let rate: AttemptRate
  /// Whose forgiveness makes it forgotten; nil when nobody's does.
  package let subject: String?

  init(_ name: String, _ rate: AttemptRate, subject: String? = nil) {
    self.name = name
    self.rate = rate
    self.subject = subject
  }
}

/// Counts attempts for all instances of the service.
package protocol AttemptStore: Sendable {
  /// Takes one of each, in order, up to the first that has none left; returns how long until it
  /// has one.
  func take(_ attempts: [Attempt], at now: Date) async throws(AuthError) -> Duration?

  /// Counts a failure and holds the subject up by `AttemptLimits.hold`; returns how many there are.
  func noteFailure(of subject: String, at now: Date) async throws(AuthError) -> Int

  /// Until when the subject is held up; nil when it isn't.
  func holdEnd(of subject: String, at now: Date) async throws(AuthError) -> Date?

  /// Forgets the subject's failures and attempts.
  func forgive(_ subject: String) async throws(AuthError)

  /// Removes what is as good as forgotten.
  func sweep(at now: Date) async throws(AuthError)
}

/// Where attempts come from, as coarse as one customer of a network: an IPv4 address or an IPv6
/// /64, since whoever has one IPv6 address has 2^64 of them.
enum ClientSource: Hashable, Sendable {
  case network(IPAddress)
  /// A caller without an address: a place of its own.
  case other(String)

  // How many customers' shares a wider network has: providers hand out /56 and /48 to one customer,
  // and many IPv4 addresses of a /24 are of one.
  private static let ipv4Levels = [(bits: 32, shares: 1), (24, 16)]
  private static let ipv6Levels = [(bits: 64, shares: 1), (56, 4), (48, 16)]

  /// Takes the text of an address.
  init(_ text: String) {
    guard let address = IPAddress(text)?.unmapped else {
      self = .other(text)
      return
    }
    self = .network(address.isIPv4 ? address : address.network(prefixBits: 64))
  }

  var name: String {
    switch self {
    case .network(let address): "\(address)"
    case .other(let text): text
    }
  }

  /// One try from here, from the narrowest network to the widest: whoever has used up their own
  /// share takes nothing from their neighbours'.
  func attempts(_ what: String, _ rate: AttemptRate) -> [Attempt] {
    guard case .network(let address) = self else {
      return [Attempt("\(what)/from/\(name)", rate)]
    }
    return (address.isIPv4 ? Self.ipv4Levels : Self.ipv6Levels).map { bits, shares in
      Attempt(
        "\(what)/from/\(address.network(prefixBits: bits))/\(bits)",
        AttemptRate(rate.count * shares, per: rate.period))
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

  /// After how long one that was taken is there again.
  package var interval: Duration { period / count }
}
