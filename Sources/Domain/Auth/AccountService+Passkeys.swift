import Cryptography
import FoundationEssentials
package import Identity
import Receipts
import UseCases
import WebAuthn

/// A passkey that was just added.
package struct AddedPasskey: Sendable {
  package let passkey: Passkey
  /// Shown once; empty unless it is the account's first second factor.
  package let recoveryCodes: [String]
}

/// A person's own passkeys.
extension AccountService {
  private func required() throws(AuthError) -> Passkeys {
    guard let passkeys else { throw .passkeysOff }
    return passkeys
  }

  func session(of caller: Caller) throws(AuthError) -> UUID {
    guard case .session(let id) = caller.credential else { throw .denied(.wrongCredential) }
    return id
  }

  /// Begins to add a passkey.
  package func beginPasskey(
    for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> (challenge: PasskeyChallenge, account: Account) {
    try await door.perform(.passkeyCreate, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<(challenge: PasskeyChallenge, account: Account)> in
      let account = try await stored(caller).account
      let challenge = try await required().begin(
        .registration(session: try session(of: caller)), of: account.id, at: door.now)
      guard challenge.credentialIDs.count < Passkey.perAccountMax else { throw .tooManyPasskeys }
      return .looked((challenge, account))
    }
  }

  /// Adds the passkey that a browser has made. With the first second factor of an account come
  /// recovery codes, so that a lost device locks nobody out.
  package func createPasskey(
    name: String, clientData: [UInt8], attestationObject: [UInt8], for caller: Caller,
    from origin: CallOrigin
  ) async throws(AuthError) -> AddedPasskey {
    let added = try await door.perform(.passkeyCreate, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<AddedPasskey?> in
      let passkeys = try required()
      let name = try PasskeyName(name)
      let stored = try await stored(caller)
      entry.set(.account(stored.account))
      let now = door.now
      let new: NewPasskey
      do throws(WebAuthnError) {
        new = try passkeys.registration(
          clientData: clientData, attestationObject: attestationObject, name: name,
          account: stored.account.id, session: try sessionForPasskey(caller), at: now)
      } catch {
        return .failed(nil, reason: error.receiptReason)
      }
      entry.set(.passkey(new.passkey))
      var change = AccountChange()
      change.newPasskey = new
      var codes: [String] = []
      if !stored.hasSecondFactor {
        let made = try factors.recoveryCodes(for: stored.account.id)
        (codes, change.recoveryCodeHashes) = (made.codes, made.hashes)
      }
      change.receipts = [entry.success(at: now)]
      change.mails = mails(.passkeyAdded, to: stored.account, from: origin)
      try await store.apply(change, to: stored.account.id)
      return .committed(AddedPasskey(passkey: new.passkey, recoveryCodes: codes))
    }
    guard let added else { throw .passkeyRefused }
    return added
  }

  /// A challenge of no session fits no registration.
  private func sessionForPasskey(_ caller: Caller) throws(WebAuthnError) -> UUID {
    guard case .session(let id) = caller.credential else { throw .wrongChallenge }
    return id
  }

  func mails(
    _ occasion: MailOrder.Occasion, to account: Account, from origin: CallOrigin
  ) -> [MailOrder] {
    guard policy.sendsMail else { return [] }
    return [MailOrder(occasion, to: account.email, of: account.id, from: origin, at: door.now)]
  }

  /// The caller's passkeys, newest first.
  package func passkeys(
    of caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> [Passkey] {
    try await door.perform(.passkeyList, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<[Passkey]> in
      guard let passkeys else { return .looked([]) }
      return .looked(try await passkeys.store.passkeys(of: caller.userID))
    }
  }

  /// Gives a passkey another name; another user's is `.notFound` like none at all.
  package func renamePasskey(
    _ id: String, to name: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> Passkey {
    try await door.perform(.passkeyRename, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Passkey> in
      guard let id = UUID(uuidString: id) else { throw .notFound }
      let renamed = try await required().store.rename(
        id, of: caller.userID, to: try PasskeyName(name))
      entry.set(.passkey(renamed))
      return .succeeded(renamed)
    }
  }

  /// Removes a passkey; another user's is `.notFound` like none at all.
  package func deletePasskey(
    _ id: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.passkeyDelete, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      let account = try await stored(caller).account
      let known = try await required().store.passkeys(of: account.id)
      guard let id = UUID(uuidString: id), let passkey = known.first(where: { $0.id == id }) else {
        throw .notFound
      }
      entry.set(.passkey(passkey))
      var change = AccountChange()
      change.removedPasskey = id
      change.receipts = [entry.success(at: door.now)]
      change.mails = mails(.passkeyRemoved, to: account, from: origin)
      try await store.apply(change, to: account.id)
      return .committed(())
    }
  }

  // MARK: Proving once more who one is

  /// A challenge with which a passkey takes the place of the password in this session.
  package func beginConfirmation(
    for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> PasskeyChallenge {
    try await door.perform(.sessionConfirm, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<PasskeyChallenge> in
      .looked(
        try await required().begin(
          .confirmation(session: try session(of: caller)), of: caller.userID, at: door.now))
    }
  }

  /// Proves once more who the caller is, by a passkey that has made sure who uses it.
  package func confirmSession(
    by assertion: PasskeyAssertion, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    let isRight = try await door.perform(.sessionConfirm, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Bool> in
      let passkeys = try required()
      let id = try session(of: caller)
      entry.set(.session(id))
      let now = door.now
      try await limits.admitConfirmation(of: caller.userID, at: now)
      guard let passkey = try await passkeys.stored(assertion, of: caller.userID) else {
        return .failed(false, reason: "unknown-passkey")
      }
      let use: Passkeys.Use
      do throws(WebAuthnError) {
        use = try passkeys.check(
          assertion, of: passkey, for: .confirmation(session: id), requiresVerification: true,
          at: now)
      } catch {
        return .failed(false, reason: error.receiptReason)
      }
      entry.set("passkey", .text(passkey.name.text))
      try await passkeys.commit(use, at: now)
      try await store.confirmSession(
        id, of: caller.userID, at: now, receipt: entry.success(at: now))
      return .committed(true)
    }
    guard isRight else { throw .passkeyRefused }
  }
}

extension Receipt.Target {
  static func passkey(_ passkey: Passkey) -> Receipt.Target {
    Receipt.Target(type: "passkey", id: passkey.id.text, name: passkey.name.text)
  }
}
