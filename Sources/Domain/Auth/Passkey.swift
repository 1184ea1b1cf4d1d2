package import FoundationEssentials
package import Identity
package import WebAuthn

/// A key pair that a person's device keeps for the portal; the public half is here.
package struct Passkey: Sendable, Hashable {
  /// Passkeys of one account.
  package static let perAccountMax = 20

  /// Names the passkey in receipts and addresses.
  package let id: UUID
  package let accountID: UserID
  /// What the device calls it.
  package let credentialID: [UInt8]
  /// In COSE.
  package let publicKey: [UInt8]
  package let name: PasskeyName
  /// What the device has counted, or 0 for good.
  package let signCount: UInt32
  /// It may be copied to other devices of its owner; fixed when it is made.
  package let isBackupEligible: Bool
  /// It has been.
  package let isBackedUp: Bool
  package let createTime: Date
  package let lastUseTime: Date?

  package init(
    id: UUID, accountID: UserID, credentialID: [UInt8], publicKey: [UInt8], name: PasskeyName,
    signCount: UInt32, isBackupEligible: Bool, isBackedUp: Bool, createTime: Date,
    lastUseTime: Date? = nil
  ) {
    self.id = id
    self.accountID = accountID
    self.credentialID = credentialID
    self.publicKey = publicKey
    self.name = name
    self.signCount = signCount
    self.isBackupEligible = isBackupEligible
    self.isBackedUp = isBackedUp
    self.createTime = createTime
    self.lastUseTime = lastUseTime
  }
}

/// What a person calls a passkey.
package struct PasskeyName: Sendable, Hashable {
  package static let charactersMax = 100

  package let text: String

  package init(_ text: String) throws(AuthError) {
    guard (1...Self.charactersMax).contains(text.unicodeScalars.count),
      text.isFreeOfControlCharacters
    else {
      throw .invalid(
        .name, reason: "must have 1 to \(Self.charactersMax) characters and no control characters")
    }
    self.text = text
  }

  /// Takes what was accepted and stored before.
  package init(stored text: String) { self.text = text }
}

/// What a browser answers when a person has used a passkey.
package struct PasskeyAssertion: Sendable {
  package let credentialID: [UInt8]
  package let clientData: [UInt8]
  package let authenticatorData: [UInt8]
  package let signature: [UInt8]
  /// Empty when the device keeps none.
  package let userHandle: [UInt8]

  package init(
    credentialID: [UInt8], clientData: [UInt8], authenticatorData: [UInt8], signature: [UInt8],
    userHandle: [UInt8]
  ) {
    self.credentialID = credentialID
    self.clientData = clientData
    self.authenticatorData = authenticatorData
    self.signature = signature
    self.userHandle = userHandle
  }
}

/// What a browser needs to use or to make a passkey.
package struct PasskeyChallenge: Sendable {
  package let challenge: [UInt8]
  package let relyingParty: RelyingParty
  /// Of the account: those that may be used, or that there are already.
  package let credentialIDs: [[UInt8]]
}

/// Where passkeys are kept. All methods throw `.storage` or `.storageUnavailable` when the database
/// fails.
package protocol PasskeyStore: Sendable {
  /// Newest first.
  func passkeys(of account: UserID) async throws(AuthError) -> [Passkey]
  func passkey(credentialID: [UInt8]) async throws(AuthError) -> Passkey?

  /// Uses a challenge up and notes what the device has counted, in one transaction.
  ///
  /// Throws `.passkeyRefused` when the challenge has been used or the counter is not above the
  /// stored one (both 0 apart); of any number of calls with one challenge one returns.
  func use(
    _ passkey: UUID, signCount: UInt32, isBackedUp: Bool, challengeHash: [UInt8],
    challengeEnd: Date, at now: Date
  ) async throws(AuthError)

  /// Gives it another name; throws `.notFound` without one of this account.
  func rename(
    _ id: UUID, of account: UserID, to name: PasskeyName
  ) async throws(AuthError) -> Passkey

  /// Forgets used challenges that nobody could use any more.
  func deleteUsedChallenges(overAt now: Date) async throws(AuthError) -> Int
}
