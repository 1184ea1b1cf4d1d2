import Cryptography
package import FoundationEssentials
package import Identity
package import WebAuthn

/// Checks what browsers bring of passkeys, and uses their challenges up.
package struct Passkeys: Sendable {
  let store: any PasskeyStore
  /// The portal, as passkeys know it.
  package let relyingParty: RelyingParty
  private let challenges: PasskeyChallenges

  /// - Parameter keys: the same in every process of the service.
  package init(store: any PasskeyStore, relyingParty: RelyingParty, keys: AccountKeys) {
    self.store = store
    self.relyingParty = relyingParty
    challenges = PasskeyChallenges(key: keys.challenges)
  }

  /// A passkey that was used, and whether its device has made sure who used it.
  struct Use {
    let passkey: Passkey
    let data: AuthenticatorData
    fileprivate let challengeHash: [UInt8]
    fileprivate let challengeEnd: Date
  }

  func begin(
    _ purpose: PasskeyChallenges.Purpose, of account: UserID?, at now: Date
  ) async throws(AuthError) -> PasskeyChallenge {
    let known = if let account { try await store.passkeys(of: account) } else { [Passkey]() }
    return PasskeyChallenge(
      challenge: try challenges.issue(purpose, at: now), relyingParty: relyingParty,
      credentialIDs: known.map(\.credentialID))
  }

  /// The stored passkey that an assertion names; nil when nobody has it, or another account has.
  func stored(
    _ assertion: PasskeyAssertion, of account: UserID?
  ) async throws(AuthError) -> Passkey? {
    guard (1...AuthenticatorData.credentialIDBytesMax).contains(assertion.credentialID.count),
      let passkey = try await store.passkey(credentialID: assertion.credentialID),
      account == nil || account == passkey.accountID,
      // What the device says of its owner must be true, if it says anything (WebAuthn 2, 7.2, 6).
      assertion.userHandle.isEmpty || assertion.userHandle == Self.handle(of: passkey.accountID)
    else { return nil }
    return passkey
  }

  /// Whether the assertion is right; the challenge is not used up yet. The error says why not.
  func check(
    _ assertion: PasskeyAssertion, of passkey: Passkey, for purpose: PasskeyChallenges.Purpose,
    requiresVerification: Bool, at now: Date
  ) throws(WebAuthnError) -> Use {
    var end: Date?
    var hash: [UInt8] = []
    let data = try relyingParty.assertion(
      clientData: assertion.clientData, authenticatorData: assertion.authenticatorData,
      signature: assertion.signature, publicKey: passkey.publicKey, signCount: passkey.signCount,
      requiresVerification: requiresVerification
    ) { challenge in
      end = challenges.end(of: challenge, for: purpose, at: now)
      hash = SHA256Digest.hash(challenge)
      return end != nil
    }
    guard let end else { throw .wrongChallenge }
    // Whether a credential may be copied never changes (WebAuthn 3, 7.2).
    guard data.isBackupEligible == passkey.isBackupEligible else {
      throw .malformed("a credential that is another one now")
    }
    return Use(passkey: passkey, data: data, challengeHash: hash, challengeEnd: end)
  }

  /// Uses the challenge up; of parallel tries one returns, the others throw `.passkeyRefused`.
  func commit(_ use: Use, at now: Date) async throws(AuthError) {
    try await store.use(
      use.passkey.id, signCount: use.data.signCount, isBackedUp: use.data.isBackedUp,
      challengeHash: use.challengeHash, challengeEnd: use.challengeEnd, at: now)
  }

  /// What is to be stored of a new passkey, and its used challenge.
  func registration(
    clientData: [UInt8], attestationObject: [UInt8], name: PasskeyName, account: UserID,
    session: UUID, at now: Date
  ) throws(WebAuthnError) -> NewPasskey {
    var end: Date?
    var hash: [UInt8] = []
    let (data, credential) = try relyingParty.registration(
      clientData: clientData, attestationObject: attestationObject
    ) { challenge in
      end = challenges.end(of: challenge, for: .registration(session: session), at: now)
      hash = SHA256Digest.hash(challenge)
      return end != nil
    }
    guard let end else { throw .wrongChallenge }
    return NewPasskey(
      passkey: Passkey(
        id: SecureRandom.uuid(), accountID: account, credentialID: credential.id,
        publicKey: credential.publicKey, name: name, signCount: data.signCount,
        isBackupEligible: data.isBackupEligible, isBackedUp: data.isBackedUp, createTime: now),
      challengeHash: hash, challengeEnd: end)
  }

  /// What devices call the account's owner: nothing that says anything about them.
  package static func handle(of account: UserID) -> [UInt8] {
    withUnsafeBytes(of: account.uuid.uuid) { Array($0) }
  }
}

/// A passkey that is about to be kept, and the challenge that is used up by it.
package struct NewPasskey: Sendable {
  package let passkey: Passkey
  package let challengeHash: [UInt8]
  package let challengeEnd: Date
}

extension WebAuthnError {
  /// The reason in a receipt.
  var receiptReason: String {
    switch self {
    case .malformed: "malformed-passkey"
    case .unsupportedAlgorithm: "unsupported-algorithm"
    case .wrongType, .wrongChallenge: "wrong-challenge"
    case .wrongOrigin: "wrong-origin"
    case .wrongRelyingParty: "wrong-relying-party"
    case .userAbsent, .userUnverified: "user-unverified"
    case .wrongSignature: "wrong-signature"
    case .counterWentBack: "counter-went-back"
    }
  }
}
