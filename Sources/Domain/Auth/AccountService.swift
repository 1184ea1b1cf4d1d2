package import Cryptography
package import FoundationEssentials
package import Identity
import Receipts
import UseCases

/// The use cases of accounts after sign-up: confirming, resetting, changing, and looking after
/// those of others.
///
/// Each begins at the door, as those of `AuthService` do.
package struct AccountService: Sendable {
  let door: Door<AuthError>
  let store: any AccountStore
  let passwords: PasswordChecker
  let limits: AttemptLimits
  let policy: AccountPolicy
  let sessions: SessionPolicy
  let links: LinkIssuer
  let factors: SecondFactors
  let devices: DeviceTokens
  let passkeys: Passkeys?
  let federation: Federation?

  /// - Parameters:
  ///   - limits: the same as of the `AuthService`, so that one counts with the other.
  ///   - keys: the same as well.
  ///   - passkeys: nil where nobody knows the portal's address, to which they belong.
  package init(
    store: any AccountStore, passwords: PasswordHashingPool, limits: AttemptLimits,
    policy: AccountPolicy, sessions: SessionPolicy = SessionPolicy(), links: LinkIssuer,
    keys: AccountKeys, passkeys: Passkeys? = nil, federation: Federation? = nil,
    clock: @escaping @Sendable () -> Date = { Date() }
  ) {
    door = Door(clock: clock) { (receipt) async throws(AuthError) in
      try await store.record(receipt)
    }
    self.store = store
    self.passwords = PasswordChecker(pool: passwords)
    self.limits = limits
    self.policy = policy
    self.sessions = sessions
    self.links = links
    factors = SecondFactors(store: store, keys: keys)
    devices = DeviceTokens(key: keys.devices)
    self.passkeys = passkeys
    self.federation = federation
  }

  /// The caller's account, with what a password is checked against.
  func stored(_ caller: Caller) async throws(AuthError) -> StoredAccount {
    guard let stored = try await store.storedAccount(caller.userID) else { throw .unauthenticated }
    return stored
  }

  /// Throws `.invalid(field, …)` unless the password is the account's; counted like log-ins.
  func check(
    _ password: SecretBytes, of stored: StoredAccount, from origin: CallOrigin
  ) async throws(AuthError) -> Bool {
    try await limits.admitConfirmation(of: stored.account.id, at: door.now)
    return try await passwords.verify(
      password, against: stored.passwordHash, for: origin) != nil
  }

  func requireMail() throws(AuthError) {
    guard policy.sendsMail else { throw .noMail }
  }

  // MARK: Links

  /// Does what a link of a mail is for; one that sets a password is for `resetPassword`.
  package func redeemLink(
    _ token: SecretBytes, from origin: CallOrigin
  ) async throws(AuthError) -> RedeemedLink {
    try await door.perform(.linkRedeem, by: .stranger, from: origin) {
      (_) async throws(AuthError) -> Act<RedeemedLink> in
      try await limits.admitLink(from: origin, at: door.now)
      let hash = try Link.hash(token)
      guard let link = try await store.link(tokenHash: hash, at: door.now),
        let id = link.accountID, let stored = try await store.storedAccount(id)
      else { throw .linkOver }
      switch link.purpose {
      case .verifyEmail: try await verify(link, hash, stored.account, from: origin)
      case .changeEmail: try await changeEmail(link, hash, stored.account, from: origin)
      case .unlock: try await unlock(link, hash, stored.account, from: origin)
      case .keepAccount: try await keep(hash, stored.account, from: origin)
      case .resetPassword, .invitation, .secondFactor: throw .linkOver
      }
      let isUnlocked = link.purpose == .unlock
      return .looked(
        RedeemedLink(
          purpose: link.purpose, email: link.email,
          deviceToken: isUnlocked ? devices.issue(for: stored.account.id, at: door.now) : ""))
    }
  }

  private func verify(
    _ link: Link, _ hash: [UInt8], _ account: Account, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.emailVerify, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      // The account has another address by now: this one's owner confirms nothing.
      guard link.email.key == account.email.key else { throw .linkOver }
      entry.isBy(account.id, email: account.email.text)
      entry.set(.account(account))
      let now = door.now
      var change = AccountChange()
      change.verifyTime = now
      change.endedLinks = [.verifyEmail]
      change.receipts = [entry.success(at: now)]
      try await store.redeem(tokenHash: hash, of: account.id, at: now, change)
      return .committed(())
    }
  }

  private func changeEmail(
    _ link: Link, _ hash: [UInt8], _ account: Account, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.emailChange, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      entry.isBy(account.id, email: account.email.text)
      entry.set(.account(account))
      entry.set("email", .text(link.email.text))
      let now = door.now
      var change = AccountChange()
      change.email = link.email
      change.verifyTime = now
      // What was sent to the old address is not for its owner any more.
      change.endedLinks = Set(LinkPurpose.allCases)
      change.receipts = [entry.success(at: now)]
      change.mails = [
        MailOrder(.addressChanged, to: account.email, of: account.id, from: origin, at: now)
      ]
      try await store.redeem(tokenHash: hash, of: account.id, at: now, change)
      return .committed(())
    }
  }

  private func unlock(
    _ link: Link, _ hash: [UInt8], _ account: Account, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.accountUnlock, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      entry.isBy(account.id, email: account.email.text)
      entry.set(.account(account))
      let now = door.now
      var change = AccountChange()
      change.endedLinks = [.unlock]
      change.receipts = [entry.success(at: now)]
      try await store.redeem(tokenHash: hash, of: account.id, at: now, change)
      try await limits.forgive(account.email)
      return .committed(())
    }
  }

  /// How long it is known how often strangers tried addresses that nobody has.
  private static let unknownLogInMemory: TimeInterval = 30 * 86_400

  /// Forgets links and access tokens that nobody can use any more, and counts of tries.
  package func removeEndedLinks() async throws(AuthError) -> Int {
    try await door.perform(.sessionSweep, by: .service(AuthService.name), from: CallOrigin()) {
      (_) async throws(AuthError) -> Act<Int> in
      let now = door.now
      try await limits.sweep(at: now)
      _ = try await passkeys?.store.deleteUsedChallenges(overAt: now)
      try await store.deleteUnknownLogIns(before: now.advanced(by: -Self.unknownLogInMemory))
      let tokens = try await store.deleteAccessTokens(
        overAt: now, ownSince: now.advanced(by: -AccessToken.keptAfterEnd.timeInterval))
      return .looked(try await store.deleteLinks(overAt: now) + tokens)
    }
  }
}

/// What a link of a mail has done.
package struct RedeemedLink: Sendable {
  package let purpose: LinkPurpose
  /// The address that is now the account's.
  package let email: EmailAddress
  /// After an unlocking: others' wrong passwords don't hold up this device any more.
  package let deviceToken: String
}

/// The keys with which secrets of accounts are sealed, cookies are signed and rows are told from
/// those that somebody else has written.
package struct AccountKeys: Sendable {
  let factors: SecretBytes
  let devices: SecretBytes
  let challenges: SecretBytes
  /// Of everything that proves who somebody is.
  package let codes: CredentialCodes
  let flows: SecretBytes

  /// - Parameter secret: hard to guess, in no database, the same in every process of the service.
  package init(derivedFrom secret: SecretBytes) throws(CryptographyError) {
    func key(_ purpose: String) throws(CryptographyError) -> SecretBytes {
      try HKDF.derive(
        inputKeyMaterial: secret, salt: [], info: Array("chatelaine \(purpose)".utf8),
        byteCount: AES256GCM.keyBytes)
    }
    factors = try key("authenticators v1")
    devices = try key("devices v1")
    challenges = try key("passkey challenges v1")
    codes = CredentialCodes(key: try key("credentials v1"))
    flows = try key("log-in flows v1")
  }
}
