package import Cryptography
import FoundationEssentials
package import Identity
import Receipts
import UseCases
import WebAuthn

/// Log-in with passkeys: by themselves, or as the second factor.
extension AuthService {
  /// A challenge for a log-in: with any passkey, or with `token` for one of the account's whose
  /// password was right.
  package func beginPasskeyLogIn(
    token: SecretBytes, from origin: CallOrigin
  ) async throws(AuthError) -> PasskeyChallenge {
    try await door.perform(.logInBegin, by: .stranger, from: origin) {
      (_) async throws(AuthError) -> Act<PasskeyChallenge> in
      guard let passkeys else { throw .passkeysOff }
      let now = door.now
      guard token.count > 0 else {
        return .looked(try await passkeys.begin(.logIn, of: nil, at: now))
      }
      try await limits.admitLink(from: origin, at: now)
      let (account, hash) = try await waiting(token)
      return .looked(
        try await passkeys.begin(.secondFactor(tokenHash: hash), of: account.id, at: now))
    }
  }

  /// The account whose password was right, and the hash of the token; throws `.linkOver`.
  func waiting(_ token: SecretBytes) async throws(AuthError) -> (account: Account, hash: [UInt8]) {
    let hash = try Link.hash(token)
    guard let factors, let link = try await factors.store.link(tokenHash: hash, at: door.now),
      link.purpose == .secondFactor, let id = link.accountID,
      let account = try await store.account(id), !account.isDisabled,
      !account.isGone(at: door.now)
    else { throw .linkOver }
    return (account, hash)
  }

  /// Logs in with a passkey that has made sure who uses it.
  ///
  /// One that nobody has leaves no receipt; what is wrong with one that somebody has is in their
  /// log. Both are answered alike.
  package func createSession(
    by assertion: PasskeyAssertion, deviceToken: String = "", from origin: CallOrigin
  ) async throws(AuthError) -> StartedSession {
    let started = try await door.perform(.sessionCreate, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<StartedSession?> in
      guard let passkeys else { throw .passkeysOff }
      let now = door.now
      try await limits.admitLink(from: origin, at: now)
      guard let passkey = try await passkeys.stored(assertion, of: nil),
        let account = try await store.account(passkey.accountID), !account.isGone(at: now)
      else { return .looked(nil) }
      let use: Passkeys.Use
      do throws(WebAuthnError) {
        use = try passkeys.check(
          assertion, of: passkey, for: .logIn, requiresVerification: true, at: now)
      } catch {
        return try await refused(error, account, &entry)
      }
      entry.show(in: account.id)
      entry.set(.account(account))
      guard !account.isDisabled else { throw .disabled }
      guard accounts.admits(account) || !accounts.hidesAccounts else {
        return .failed(nil, reason: "unverified")
      }
      try await passkeys.commit(use, at: now)
      entry.set("passkey", .text(passkey.name.text))
      let device = devices?.device(deviceToken, of: account.id, at: now)
      return .committed(
        try await start(for: account, rehash: nil, device: device, from: origin, &entry))
    }
    guard let started else { throw .passkeyRefused }
    return started
  }

  /// Whoever knows a credential's id, which is no secret, must not fill its owner's log: only what
  /// its key has signed is in it, which is a counter that went back.
  private func refused(
    _ error: WebAuthnError, _ account: Account, _ entry: inout Entry
  ) async throws(AuthError) -> Act<StartedSession?> {
    guard error == .counterWentBack else { return .looked(nil) }
    entry.show(in: account.id)
    entry.set(.account(account))
    return .failed(nil, reason: error.receiptReason)
  }

  /// Completes a log-in whose password was right by a passkey of the account.
  package func completeSession(
    _ token: SecretBytes, by assertion: PasskeyAssertion, deviceToken: String = "",
    from origin: CallOrigin
  ) async throws(AuthError) -> StartedSession {
    let started = try await door.perform(.sessionCreate, by: .stranger, from: origin) {
      (entry) async throws(AuthError) -> Act<StartedSession?> in
      guard let passkeys, let factors else { throw .passkeysOff }
      let now = door.now
      try await limits.admitLink(from: origin, at: now)
      let (account, hash) = try await waiting(token)
      entry.show(in: account.id)
      entry.set(.account(account))
      try await limits.admitConfirmation(of: account.id, at: now)
      guard let passkey = try await passkeys.stored(assertion, of: account.id) else {
        return .failed(nil, reason: "unknown-passkey")
      }
      let use: Passkeys.Use
      do throws(WebAuthnError) {
        use = try passkeys.check(
          assertion, of: passkey, for: .secondFactor(tokenHash: hash), requiresVerification: false,
          at: now)
      } catch {
        return .failed(nil, reason: error.receiptReason)
      }
      try await passkeys.commit(use, at: now)
      guard try await factors.store.useLink(tokenHash: hash, purpose: .secondFactor, at: now)
      else { throw .linkOver }
      entry.set("passkey", .text(passkey.name.text))
      let device = devices?.device(deviceToken, of: account.id, at: now)
      return .committed(
        try await start(for: account, rehash: nil, device: device, from: origin, &entry))
    }
    guard let started else { throw .passkeyRefused }
    return started
  }
}
