package import Cryptography
package import FoundationEssentials
import Identity
import Receipts
import UseCases

/// The use cases of accounts, sessions and access tokens.
///
/// Each begins at the door, which says who may come in and what leaves a receipt.
package struct AuthService: Sendable {
  /// Access tokens of one account.
  package static let accessTokensPerAccountMax = 200
  /// Sessions of one account; the oldest end when there are more.
  package static let sessionsPerAccountMax = 50

  /// The name by which the service itself comes to the door.
  static let name = "auth"

  let door: Door<AuthError>
  let store: any AuthStore
  let passwords: PasswordChecker
  let assertions: any AssertionIssuer
  let policy: SessionPolicy
  let accounts: AccountPolicy
  let limits: AttemptLimits
  let factors: SecondFactors?
  let devices: DeviceTokens?
  let passkeys: Passkeys?
  let federation: Federation?

  /// - Parameter secondFactors: where second factors are kept, and the keys for them and for the
  ///   cookies of devices; nil for an instance that has neither.
  package init(
    store: any AuthStore, passwords: PasswordHashingPool, assertions: any AssertionIssuer,
    policy: SessionPolicy = SessionPolicy(), accounts: AccountPolicy = AccountPolicy(),
    limits: AttemptLimits, secondFactors: (store: any AccountStore, keys: AccountKeys)? = nil,
    passkeys: Passkeys? = nil, federation: Federation? = nil,
    clock: @escaping @Sendable () -> Date = { Date() }
  ) {
    door = Door(clock: clock) { (receipt) async throws(AuthError) in
      try await store.record(receipt)
    }
    self.store = store
    self.passwords = PasswordChecker(pool: passwords)
    self.assertions = assertions
    self.policy = policy
    self.accounts = accounts
    self.limits = limits
    factors = secondFactors.map { SecondFactors(store: $0.store, keys: $0.keys) }
    devices = secondFactors.map { DeviceTokens(key: $0.keys.devices) }
    self.passkeys = passkeys
    self.federation = federation
  }

  /// Signs what `terms` want: one assertion for each purpose.
  func authenticated(
    _ proof: Proof, on terms: AssertionTerms, at now: Date
  ) throws(AuthError) -> Authenticated {
    var issued: [IssuedAssertion] = []
    for purpose in terms.purposes.isEmpty ? [nil] : terms.purposes.map(Optional.some) {
      issued.append(
        try assertions.issue(for: proof.caller, purpose: purpose, holder: terms.holder, at: now))
    }
    let ends = issued.map(\.expireTime) + (proof.end.map { [$0] } ?? [])
    let lastMoment = ends.min() ?? now
    return Authenticated(
      account: proof.account, credential: proof.caller.credential, assertions: issued,
      validFor: .seconds(max(0, lastMoment.timeIntervalSince(now))),
      confirmTime: proof.caller.confirmTime, limits: proof.caller.limits)
  }

  /// A credential that was looked up and holds.
  struct Proof {
    let account: Account
    let caller: Caller
    /// When the credential ends; nil when it doesn't.
    let end: Date?

    init(
      _ account: Account, by credential: Caller.Credential, scopes: Scopes = Scopes([]),
      limits: AccessLimits = .none, until end: Date? = nil, confirmTime: Date? = nil
    ) {
      self.account = account
      self.end = end
      caller = Caller(
        userID: account.id, email: account.email.text, credential: credential, scopes: scopes,
        role: account.role, confirmTime: confirmTime, limits: limits)
    }
  }

  static func token(prefix: String) throws(AuthError) -> SecureToken {
    do {
      return try SecureToken.generate(prefix: prefix)
    } catch {
      throw .engine(detail: "token: \(error)")
    }
  }
}

extension Receipt.Target {
  static func account(_ account: Account) -> Receipt.Target {
    Receipt.Target(type: "account", id: account.id.text, name: account.email.text)
  }

  static func session(_ id: UUID) -> Receipt.Target {
    Receipt.Target(type: "session", id: id.text)
  }

  static func accessToken(_ token: AccessToken) -> Receipt.Target {
    Receipt.Target(type: "access-token", id: token.id.text, name: token.name)
  }
}
