package import Cryptography
package import FoundationEssentials
internal import Identity

/// The use cases of accounts, sessions and access tokens.
///
/// A change and its receipt are committed together.
package struct AuthService: Sendable {
  /// Access tokens of one account.
  package static let accessTokensPerAccountMax = 200
  /// Sessions of one account; the oldest end when there are more.
  package static let sessionsPerAccountMax = 50

  let store: any AuthStore
  let passwords: PasswordChecker
  let assertions: any AssertionIssuer
  let policy: SessionPolicy
  let limits: AttemptLimits
  private let clock: @Sendable () -> Date

  package init(
    store: any AuthStore, passwords: PasswordHashingPool, assertions: any AssertionIssuer,
    policy: SessionPolicy = SessionPolicy(), limits: AttemptLimits = AttemptLimits(),
    clock: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.store = store
    self.passwords = PasswordChecker(pool: passwords)
    self.assertions = assertions
    self.policy = policy
    self.limits = limits
    self.clock = clock
  }

  /// Now, in whole milliseconds: what is stored, shown and put into page tokens is the same moment.
  var now: Date {
    Date(timeIntervalSince1970: (clock().timeIntervalSince1970 * 1000).rounded(.down) / 1000)
  }
}
