package import Cryptography
package import Identity
import Receipts
import UseCases

/// Confirming and changing the e-mail address.
extension AccountService {
  /// Sends the mail that confirms the caller's address once more.
  package func sendVerification(
    for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.emailVerificationSend, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      try requireMail()
      let account = try await stored(caller).account
      entry.set(.account(account))
      // Nothing is left to confirm.
      guard !account.isVerified else { return .looked(()) }
      try await limits.admitMail(to: account.email, from: origin, at: door.now)
      let now = door.now
      try await store.insert(
        [MailOrder(.confirmAddress, to: account.email, of: account.id, from: origin, at: now)],
        receipts: [entry.success(at: now)])
      return .committed(())
    }
  }

  /// Asks for another address: a link goes there, and the old one is told. Nothing changes before
  /// the link is used; whether somebody has the new address, its owner alone learns.
  package func requestEmailChange(
    to email: String, password: SecretBytes, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    let isRight = try await door.perform(
      .emailChangeRequest, by: .caller(caller), from: origin
    ) { (entry) async throws(AuthError) -> Act<Bool> in
      try requireMail()
      let email = try EmailAddress(email)
      try policy.check(email)
      let stored = try await stored(caller)
      let account = stored.account
      entry.set(.account(account))
      entry.set("email", .text(email.text))
      guard email.key != account.email.key else {
        throw .invalid(.email, reason: "is the account's address already")
      }
      guard try await check(password, of: stored, from: origin) else {
        return .failed(false, reason: "wrong-password")
      }
      try await limits.admitMail(to: email, from: origin, at: door.now)
      let now = door.now
      let isTaken = try await store.account(emailKey: email.key) != nil
      try await store.insert(
        [
          MailOrder(
            isTaken ? .addressTaken : .confirmNewAddress, to: email, of: account.id,
            from: origin, at: now),
          MailOrder(
            .addressChangeAsked, to: account.email, of: account.id, from: origin, at: now),
        ], receipts: [entry.success(at: now)])
      return .committed(true)
    }
    guard isRight else { throw .invalid(.password, reason: "is wrong") }
  }
}
