package import Cryptography
import FoundationEssentials
package import Identity
import Receipts
import UseCases

/// Changing a password, and choosing a new one without the old.
extension AccountService {
  /// Changes the caller's password and ends all their other sessions.
  package func changePassword(
    from current: SecretBytes, to new: SecretBytes, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    let isRight = try await door.perform(.passwordChange, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Bool> in
      guard case .session(let session) = caller.credential else { throw .denied(.wrongCredential) }
      let stored = try await stored(caller)
      entry.set(.account(stored.account))
      let new = try NewPassword(new, email: stored.account.email, field: .newPassword)
      guard try await check(current, of: stored, from: origin) else {
        return .failed(false, reason: "wrong-password")
      }
      let hash = try await passwords.hash(new.secret, for: origin)
      let now = door.now
      var change = passwordChange(to: hash, of: stored.account, from: origin, at: now)
      change.expectedPasswordHash = stored.passwordHash
      change.endedSessions = .allBut(session)
      change.receipts = [entry.success(at: now)]
      try await store.apply(change, to: stored.account.id)
      return .committed(true)
    }
    guard isRight else { throw .invalid(.currentPassword, reason: "is wrong") }
  }

  /// Has a link sent to whoever has an account with this address. Whether anybody has, `addressee`
  /// finds out when the mail leaves: what is done here is the same for every address.
  package func requestPasswordReset(
    email: String, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.passwordResetRequest, by: .stranger, from: origin) {
      (_) async throws(AuthError) -> Act<Void> in
      try requireMail()
      let email = try EmailAddress(email)
      let now = door.now
      try await limits.admitMail(to: email, from: origin, at: now)
      try await store.insert(
        [MailOrder(.resetPassword, to: email, of: nil, from: origin, at: now)], receipts: [])
      return .looked(())
    }
  }

  /// The mail for the account that has the address; nil when nobody has, or of a sign-up when the
  /// address has got as many mails as strangers can have sent to it.
  ///
  /// - Parameter isFirst: whether it has not been tried before: then the account's log says that a
  ///   reset was asked for.
  package func addressee(
    of order: MailOrder, isFirst: Bool
  ) async throws(AuthError) -> MailOrder? {
    let isReset = order.occasion == .resetPassword
    return try await door.perform(
      isReset ? .passwordResetRequest : .accountCreate, by: .stranger, from: order.origin
    ) { (entry) async throws(AuthError) -> Act<MailOrder?> in
      guard let account = try await store.account(emailKey: order.email.key)?.account,
        !isReset || !account.isDisabled
      else { return .looked(nil) }
      if !isReset, isFirst, !(try await limits.allowsMail(to: order.email, at: door.now)) {
        return .looked(nil)
      }
      entry.show(in: account.id)
      entry.set(.account(account))
      let addressed = MailOrder(
        id: order.id, order.occasion, to: account.email, of: account.id, device: order.device,
        ipAddress: order.ipAddress, at: order.createTime)
      return isReset && isFirst ? .succeeded(addressed) : .looked(addressed)
    }
  }

  /// Sets a password by the token of a link, and ends all sessions. A password that is refused
  /// doesn't use the link up. Second factors stay as they are.
  package func resetPassword(
    token: SecretBytes, to password: SecretBytes, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.passwordReset, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      try await limits.admitLink(from: origin, at: door.now)
      let tokenHash = try Link.hash(token)
      guard let link = try await store.link(tokenHash: tokenHash, at: door.now),
        link.purpose == .resetPassword, let id = link.accountID,
        let account = try await store.storedAccount(id)?.account, !account.isDisabled
      else { throw .linkOver }
      entry.isBy(account.id, email: account.email.text)
      entry.set(.account(account))
      let password = try NewPassword(password, email: account.email)
      let hash = try await passwords.hash(password.secret, for: origin)
      let now = door.now
      var change = passwordChange(to: hash, of: account, from: origin, at: now)
      change.endedSessions = .all
      // The link came by mail: the address is its owner's.
      change.verifyTime = now
      change.receipts = [entry.success(at: now)]
      try await store.redeem(tokenHash: tokenHash, of: account.id, at: now, change)
      try await limits.forgive(account.email)
      return .committed(())
    }
  }

  private func passwordChange(
    to hash: String, of account: Account, from origin: CallOrigin, at now: Date
  ) -> AccountChange {
    var change = AccountChange()
    change.passwordHash = hash
    change.endedLinks = [.resetPassword, .changeEmail, .unlock]
    if policy.sendsMail {
      change.mails = [
        MailOrder(.passwordChanged, to: account.email, of: account.id, from: origin, at: now)
      ]
    }
    return change
  }
}
