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

  /// - Parameter limits: the same as of the `AuthService`, so that one counts with the other.
  package init(
    store: any AccountStore, passwords: PasswordHashingPool, limits: AttemptLimits,
    policy: AccountPolicy, sessions: SessionPolicy = SessionPolicy(), links: LinkIssuer,
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
    try limits.admitLogIn(for: stored.account.email, from: origin)
    return try await passwords.verify(password, against: stored.passwordHash) != nil
  }

  func requireMail() throws(AuthError) {
    guard policy.sendsMail else { throw .noMail }
  }

  // MARK: Links

  /// Does what a link of a mail is for; one that sets a password is for `resetPassword`.
  package func redeemLink(
    _ token: SecretBytes, from origin: CallOrigin
  ) async throws(AuthError) -> (purpose: LinkPurpose, email: EmailAddress) {
    try await door.perform(.linkRedeem, by: .stranger, from: origin) {
      (_) async throws(AuthError) -> Act<(purpose: LinkPurpose, email: EmailAddress)> in
      try limits.admitLink(from: origin)
      let hash = try Link.hash(token)
      guard let link = try await store.link(tokenHash: hash, at: door.now),
        let id = link.accountID, let stored = try await store.storedAccount(id)
      else { throw .linkOver }
      switch link.purpose {
      case .verifyEmail: try await verify(link, hash, stored.account, from: origin)
      case .changeEmail: try await changeEmail(link, hash, stored.account, from: origin)
      case .unlock: try await unlock(link, hash, stored.account, from: origin)
      case .resetPassword, .invitation: throw .linkOver
      }
      return .looked((link.purpose, link.email))
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
      limits.forgive(account.email)
      return .committed(())
    }
  }

  /// Forgets links that nobody can use any more.
  package func removeEndedLinks() async throws(AuthError) -> Int {
    try await door.perform(.sessionSweep, by: .service(AuthService.name), from: CallOrigin()) {
      (_) async throws(AuthError) -> Act<Int> in
      .looked(try await store.deleteLinks(overAt: door.now))
    }
  }
}
