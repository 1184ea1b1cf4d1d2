import Identity

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

  package init(
    _ rates: Rates = Rates(), now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    logInsPerAccount = TokenBuckets(rates.logInsPerAccount, keysMax: Self.keysMax, now: now)
    logInsPerSource = TokenBuckets(rates.logInsPerSource, keysMax: Self.keysMax, now: now)
    signUpsPerSource = TokenBuckets(rates.signUpsPerSource, keysMax: Self.keysMax, now: now)
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

  private func admit(_ delay: Duration?) throws(AuthError) {
    if let delay { throw .tooManyAttempts(retryAfter: delay) }
  }
}
