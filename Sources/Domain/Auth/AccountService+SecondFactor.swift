package import Cryptography
import Encodings
import FoundationEssentials
package import Identity
import Receipts
import UseCases

/// What an authenticator app is given.
package struct NewAuthenticator: Sendable {
  package let secret: SecretBytes
  /// Who the app shows the code for.
  package let email: EmailAddress
  package let issuer: String

  /// In base 32, as people type it.
  package var secretText: String { secret.withUnsafeBytes { Base32.encode($0) } }

  /// The key URI that apps read from a QR code.
  package var uri: String {
    let issuer = PercentCoding.encode(issuer)
    let label = "\(issuer):\(PercentCoding.encode(email.text))"
    return "otpauth://totp/\(label)?secret=\(secretText)&issuer=\(issuer)"
  }
}

/// The second factor, and proving once more who one is.
extension AccountService {
  /// Proves once more who the caller is: by the password, and by a code where log-in needs one.
  package func confirmSession(
    password: SecretBytes, code: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    let problem = try await door.perform(.sessionConfirm, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<AuthError?> in
      guard case .session(let id) = caller.credential else { throw .denied(.wrongCredential) }
      entry.set(.session(id))
      let stored = try await stored(caller)
      guard try await check(password, of: stored, from: origin) else {
        return .failed(.invalid(.password, reason: "is wrong"), reason: "wrong-password")
      }
      let now = door.now
      if stored.hasSecondFactor, try await !factors.use(code, of: caller.userID, at: now) {
        return .failed(Self.wrongCode, reason: "wrong-code")
      }
      try await store.confirmSession(
        id, of: caller.userID, at: now, receipt: entry.success(at: now))
      return .committed(nil)
    }
    if let problem { throw problem }
  }

  static let wrongCode = AuthError.invalid(.code, reason: "is wrong, too old, or was used before")

  /// Which second factors the account has.
  package func secondFactor(
    of caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> SecondFactorState {
    try await door.perform(.secondFactorGet, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<SecondFactorState> in
      .looked(try await store.secondFactors(of: caller.userID))
    }
  }

  /// Makes the secret of an authenticator app. It counts once `enableSecondFactor` has seen a code.
  package func createAuthenticator(
    for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> NewAuthenticator {
    try await door.perform(.secondFactorEnable, by: .caller(caller), from: origin) {
      (_) async throws(AuthError) -> Act<NewAuthenticator> in
      let account = try await stored(caller).account
      let (secret, sealed) = try factors.generate(for: account.id)
      try await store.insertAuthenticator(sealedSecret: sealed, of: account.id, at: door.now)
      return .looked(
        NewAuthenticator(secret: secret, email: account.email, issuer: policy.issuer))
    }
  }

  /// Switches the second factor on by a code of the app; returns the recovery codes, which are
  /// shown once.
  package func enableSecondFactor(
    code: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> [String] {
    let codes = try await door.perform(.secondFactorEnable, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<[String]?> in
      let account = try await stored(caller).account
      entry.set(.account(account))
      let now = door.now
      try await limits.admitConfirmation(of: account.id, at: now)
      guard let stored = try await store.authenticator(of: account.id) else {
        throw .secondFactorOff
      }
      guard stored.enableTime == nil else { throw .secondFactorOn }
      guard let step = try factors.step(of: code, stored, account: account.id, at: now) else {
        return .failed(nil, reason: "wrong-code")
      }
      let (codes, hashes) = try factors.recoveryCodes(for: caller.userID)
      var change = AccountChange()
      change.enabledAuthenticator = (now, step)
      change.recoveryCodeHashes = hashes
      try await apply(change, to: account, telling: .secondFactorOn, from: origin, &entry)
      return .committed(codes)
    }
    guard let codes else { throw Self.wrongCode }
    return codes
  }

  /// Removes the authenticator app; passkeys stay.
  package func deleteSecondFactor(
    for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) {
    try await door.perform(.secondFactorDisable, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<Void> in
      let stored = try await stored(caller)
      entry.set(.account(stored.account))
      guard try await store.authenticator(of: caller.userID)?.enableTime != nil else {
        throw .secondFactorOff
      }
      var change = AccountChange()
      change.removesAuthenticator = true
      try await apply(change, to: stored.account, telling: .secondFactorOff, from: origin, &entry)
      return .committed(())
    }
  }

  /// Makes new recovery codes; those from before work no more.
  package func createRecoveryCodes(
    for caller: Caller, from origin: CallOrigin
  ) async throws(AuthError) -> [String] {
    try await door.perform(.recoveryCodesCreate, by: .caller(caller), from: origin) {
      (entry) async throws(AuthError) -> Act<[String]> in
      let stored = try await stored(caller)
      entry.set(.account(stored.account))
      guard stored.hasSecondFactor else { throw .secondFactorOff }
      let (codes, hashes) = try factors.recoveryCodes(for: caller.userID)
      var change = AccountChange()
      change.recoveryCodeHashes = hashes
      change.receipts = [entry.success(at: door.now)]
      try await store.apply(change, to: stored.account.id)
      return .committed(codes)
    }
  }

  private func apply(
    _ change: AccountChange, to account: Account, telling occasion: MailOrder.Occasion,
    from origin: CallOrigin, _ entry: inout Entry
  ) async throws(AuthError) {
    let now = door.now
    var change = change
    change.receipts = [entry.success(at: now)]
    if policy.sendsMail {
      change.mails = [
        MailOrder(occasion, to: account.email, of: account.id, from: origin, at: now)
      ]
    }
    try await store.apply(change, to: account.id)
  }
}
