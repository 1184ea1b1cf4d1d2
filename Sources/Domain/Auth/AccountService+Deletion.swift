package import FoundationEssentials
package import Identity
import Receipts
package import UseCases

/// The end of an account: asked for, kept after all, and done.
extension AccountService {
  /// Accounts that one look deletes.
  package static let erasuresPerBatchMax = 20
  /// Accounts whose deletion is repeated together.
  package static let repeatedErasuresMax = 500

  /// Has the caller's account deleted once the grace period is over; returns when. All sessions
  /// end, this one too.
  package func requestDeletion(
    for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> Date {
    try await door.perform(.accountDeleteRequest, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Date> in
      let account = try await stored(caller).account
      entry.set(.account(account))
      let now = door.now
      var change = deletion(of: account, at: now.advanced(by: policy.deletionGrace.timeInterval))
      change.receipts = [entry.success(at: now)]
      if policy.sendsMail, policy.deletionGrace > .zero {
        change.mails = [
          MailOrder(.deletionAsked, to: account.email, of: account.id, from: origin, at: now)
        ]
      }
      try await store.apply(change, to: account.id)
      return .committed(change.deleteTime ?? now)
    }
  }

  /// Has somebody's account deleted, without the grace period if `isAtOnce`.
  package func delete(
    _ user: String, atOnce isAtOnce: Bool, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> User {
    try await door.perform(.accountDelete, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<User> in
      let account = try await account(user, &entry)
      entry.set("atOnce", .flag(isAtOnce))
      let grace = isAtOnce ? .zero : policy.deletionGrace
      let change = deletion(of: account, at: door.now.advanced(by: grace.timeInterval))
      return .committed(
        try await apply(
          change, to: account, telling: grace > .zero ? .deletionAsked : nil, entry))
    }
  }

  /// Keeps somebody's account that was to be deleted.
  package func restore(
    _ user: String, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> User {
    try await door.perform(.accountRestore, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<User> in
      // A stranger has to bring a link.
      guard principal != .stranger else { throw .denied(.wrongCredential) }
      let account = try await account(user, &entry)
      guard account.deleteTime != nil, !account.isGone(at: door.now) else { throw .notToBeDeleted }
      var change = AccountChange()
      change.isKept = true
      change.endedLinks = [.keepAccount]
      return .committed(try await apply(change, to: account, telling: .accountKept, entry))
    }
  }

  private func deletion(of account: Account, at time: Date) -> AccountChange {
    var change = AccountChange()
    change.deleteTime = time
    change.endedSessions = .all
    change.endedLinks = Set(LinkPurpose.allCases)
    return change
  }

  /// Keeps an account by the link of the mail.
  func keep(
    _ hash: [UInt8], _ account: Account, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.accountRestore, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      let now = door.now
      guard account.deleteTime != nil, !account.isGone(at: now) else { throw .linkOver }
      entry.isBy(account.id, email: account.email.text)
      entry.set(.account(account))
      var change = AccountChange()
      change.isKept = true
      change.endedLinks = [.keepAccount]
      change.receipts = [entry.success(at: now)]
      change.mails = [
        MailOrder(.accountKept, to: account.email, of: account.id, from: origin, at: now)
      ]
      try await store.redeem(tokenHash: hash, of: account.id, at: now, change)
      return .committed(())
    }
  }

  // MARK: When the time has come

  /// Deletes accounts whose time has come; returns how many. What they leave is a receipt, and that
  /// the other services are to be told.
  package func eraseDueAccounts() async throws(AuthError) -> Int {
    let accounts = try await door.perform(
      .accountErase, by: .service(AuthService.name), from: CallOrigin()
    ) { (_) async throws(AuthError) -> Act<[Account]> in
      .looked(try await store.accountsToErase(at: door.now, limit: Self.erasuresPerBatchMax))
    }
    var count = 0
    for account in accounts {
      if try await erase(account) { count += 1 }
    }
    return count
  }

  private func erase(_ account: Account) async throws(AuthError) -> Bool {
    try await door.perform(
      .accountErase, by: .service(AuthService.name), from: CallOrigin()
    ) { (entry) async throws(AuthError) -> Act<Bool> in
      entry.show(in: account.id)
      entry.set(Receipt.Target(type: "account", id: account.id.text))
      let now = door.now
      let isErased = try await store.erase(
        account.id, at: now, receipt: entry.success(at: now),
        mail: policy.sendsMail
          ? MailOrder(.accountDeleted, to: account.email, of: account.id, at: now) : nil)
      return isErased ? .committed(true) : .looked(false)
    }
  }

  /// One page of the accounts that are no more, the first one first.
  package func erasures(
    size: Int, pageToken: String, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> Page<Erasure> {
    try await door.perform(.accountList, by: principal, from: origin) {
      (_) async throws(AuthError) -> Act<Page<Erasure>> in
      let request = try AuthService.page(size: size, token: pageToken, of: "erasures")
      let found = try await store.erasures(
        behind: request.position, limit: request.limit + 1)
      return .succeeded(
        request.page(of: found) { PagePosition(time: $0.time, id: $0.accountID.uuid) })
    }
  }

  /// Deletes accounts again that a restored backup has brought back, and has the other services
  /// told again; returns how many accounts there were.
  package func repeatErasures(
    of ids: [String], for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> Int {
    try await door.perform(.accountErase, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<Int> in
      guard ids.count <= Self.repeatedErasuresMax else {
        throw .invalid(.accountIDs, reason: "must be at most \(Self.repeatedErasuresMax)")
      }
      var accounts: [UserID] = []
      for id in ids {
        guard let account = UserID(id) else {
          throw .invalid(.accountIDs, reason: "must be ids of accounts")
        }
        accounts.append(account)
      }
      entry.set("accounts", .number(accounts.count))
      return .succeeded(try await store.repeatErasures(of: accounts, at: door.now))
    }
  }
}
