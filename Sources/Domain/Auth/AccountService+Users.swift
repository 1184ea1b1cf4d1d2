import FoundationEssentials
package import Identity
import Receipts
package import UseCases

/// Looking after other people's accounts: for admins and operators. Nobody sees or uses another's
/// keys by it.
extension AccountService {
  /// Bytes of what is searched for.
  package static let searchBytesMax = 254

  /// One page of accounts, newest first, whose address contains `email`.
  package func users(
    matching email: String, size: Int, pageToken: String, for principal: Principal,
    from origin: CallOrigin
  ) async throws(AuthError) -> Page<User> {
    try await door.perform(.accountList, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<Page<User>> in
      guard email.utf8.count <= Self.searchBytesMax, email.isFreeOfControlCharacters else {
        throw .invalid(.email, reason: "must have at most \(Self.searchBytesMax) bytes")
      }
      if !email.isEmpty { entry.set("email", .text(email)) }
      let request = try AuthService.page(
        size: size, token: pageToken, of: "users\n\(email)")
      let found = try await store.users(
        matching: email.lowercased(), behind: request.position, limit: request.limit + 1)
      return .succeeded(
        request.page(of: found) {
          PagePosition(time: $0.account.createTime, id: $0.account.id.uuid)
        }
      )
    }
  }

  /// Invites a person. An operator gets the link, for an admin it goes by mail.
  package func invite(
    email: String, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> String? {
    try await door.perform(.accountInvite, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<String?> in
      let email = try EmailAddress(email)
      entry.set(Receipt.Target(type: "account", id: "", name: email.text))
      let now = door.now
      if principal == .operator {
        let link = try await links.issue(.invitation, for: nil, email: email, at: now)
        return .succeeded(link)
      }
      try requireMail()
      try await store.insert(
        [MailOrder(.invitation, to: email, of: nil, from: CallOrigin(), at: now)],
        receipts: [entry.success(at: now)])
      return .committed(nil)
    }
  }

  /// Has an account choose a new password. An operator gets the link, for an admin it goes by mail.
  package func sendPasswordReset(
    to user: String, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> String? {
    try await door.perform(.accountPasswordReset, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<String?> in
      let account = try await account(user, &entry)
      let now = door.now
      if principal == .operator {
        let link = try await links.issue(
          .resetPassword, for: account.id, email: account.email, at: now)
        return .succeeded(link)
      }
      try requireMail()
      try await store.insert(
        [MailOrder(.resetPassword, to: account.email, of: account.id, at: now)],
        receipts: [entry.success(at: now)])
      return .committed(nil)
    }
  }

  /// Gives an account another role, for which its owner logs in anew: whoever has seen a token of
  /// their sessions gets nothing by it. `.lastAdmin` when nobody would be left with that.
  package func setRole(
    _ role: Role, of user: String, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> User {
    try await door.perform(.accountRoleSet, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<User> in
      entry.set("role", .text(role.rawValue))
      let account = try await account(user, &entry)
      var change = AccountChange()
      change.role = role
      if account.role != role { change.endedSessions = .all }
      return .committed(try await apply(change, to: account, telling: nil, entry))
    }
  }

  /// Shuts an account out: its sessions end, its access tokens don't work.
  package func disable(
    _ user: String, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> User {
    try await door.perform(.accountDisable, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<User> in
      var change = AccountChange()
      change.disableTime = door.now
      change.endedSessions = .all
      change.endedLinks = Set(LinkPurpose.allCases)
      return .committed(try await apply(change, to: user, telling: .accountDisabled, &entry))
    }
  }

  /// Lets an account in again.
  package func enable(
    _ user: String, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> User {
    try await door.perform(.accountEnable, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<User> in
      var change = AccountChange()
      change.isEnabled = true
      return .committed(try await apply(change, to: user, &entry))
    }
  }

  /// Opens log-in again after too many wrong passwords.
  package func unlock(
    _ user: String, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> User {
    try await door.perform(.accountUnlock, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<User> in
      // A stranger has to bring a link.
      guard principal != .stranger else { throw .denied(.wrongCredential) }
      let user = try await apply(AccountChange(), to: user, &entry)
      try await limits.forgive(user.account.email)
      return .committed(user)
    }
  }

  /// Removes an account's authenticator app and passkeys, for somebody who has lost them and the
  /// recovery codes.
  package func resetSecondFactor(
    of user: String, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> User {
    try await door.perform(.accountFactorReset, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<User> in
      var change = AccountChange()
      change.removesAuthenticator = true
      change.removesPasskeys = true
      return .committed(try await apply(change, to: user, telling: .secondFactorsReset, &entry))
    }
  }

  /// Ends all of an account's sessions.
  package func signOut(
    _ user: String, for principal: Principal, from origin: CallOrigin
  ) async throws(AuthError) -> User {
    try await door.perform(.accountSignOut, by: principal, from: origin) {
      (entry) async throws(AuthError) -> Act<User> in
      var change = AccountChange()
      change.endedSessions = .all
      return .committed(try await apply(change, to: user, &entry))
    }
  }

  private func apply(
    _ change: AccountChange, to user: String, telling occasion: MailOrder.Occasion? = nil,
    _ entry: inout Entry
  ) async throws(AuthError) -> User {
    let account = try await account(user, &entry)
    return try await apply(change, to: account, telling: occasion, entry)
  }

  func apply(
    _ change: AccountChange, to account: Account, telling occasion: MailOrder.Occasion?,
    _ entry: Entry
  ) async throws(AuthError) -> User {
    let now = door.now
    var change = change
    change.receipts = [entry.success(at: now)]
    if let occasion, policy.sendsMail {
      change.mails = [MailOrder(occasion, to: account.email, of: account.id, at: now)]
    }
    try await store.apply(change, to: account.id)
    guard let user = try await store.user(account.id) else { throw .notFound }
    return user
  }

  /// By its id or e-mail address; its owner's log shows what is done.
  func account(_ user: String, _ entry: inout Entry) async throws(AuthError) -> Account {
    let found: Account?
    if let id = UserID(user) {
      found = try await store.storedAccount(id)?.account
    } else {
      guard user.utf8.contains(UInt8(ascii: "@")) else {
        throw .invalid(.user, reason: "must be an e-mail address or the id of an account")
      }
      let key = try EmailAddress(user).key
      found = try await store.account(emailKey: key)?.account
    }
    guard let found else { throw .notFound }
    entry.show(in: found.id)
    entry.set(.account(found))
    return found
  }
}
