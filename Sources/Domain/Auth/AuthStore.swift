package import FoundationEssentials
package import Identity
package import Receipts
package import UseCases

/// Where accounts, sessions and access tokens are kept. Every change takes the receipt that is
/// committed with it; all methods throw `.storage` or
/// `.storageUnavailable` when the database fails.
package protocol AuthStore: Sendable {
  // MARK: Accounts

  /// Throws `.emailTaken` when `email.key` belongs to somebody already, or `.linkOver` when the
  /// invitation doesn't work, and keeps nothing then. Returns the account as it was kept.
  ///
  /// With `mailIfTaken` there is no `.emailTaken`: that mail and a count of tries are kept in place
  /// of account, mails and receipt, by as many statements, and the account is returned as it came.
  func insert(_ account: NewAccount) async throws(AuthError) -> Account

  /// Keeps a mail that goes with no other change.
  func insert(_ mail: MailOrder) async throws(AuthError)

  /// The account with this `EmailAddress.key`, and its password's hash.
  func account(emailKey: String) async throws(AuthError) -> StoredAccount?

  func account(_ id: UserID) async throws(AuthError) -> Account?

  // MARK: Log-in

  /// Keeps a receipt that goes with no change.
  func record(_ receipt: Receipt) async throws(AuthError)

  /// Counts a failed log-in for an e-mail address that nobody has. A counter, so that strangers
  /// can't fill the database; a write, so that it takes as long as a receipt.
  func countUnknownLogIn(at now: Date) async throws(AuthError)

  /// Starts a session; replaces the account's password hash by `rehash`, if there is one, and
  /// removes the account's sessions that are over or beyond the `sessionsMax` newest.
  func insert(
    _ session: Session, tokenHash: [UInt8], rehash: PasswordRehash?, sessionsMax: Int,
    receipt: Receipt
  ) async throws(AuthError)

  /// Keeps an account that is to be deleted, unless that time has come; false then, or when it was
  /// kept already.
  func restore(
    _ account: UserID, at now: Date, receipt: Receipt, mail: MailOrder?
  ) async throws(AuthError) -> Bool

  // MARK: Sessions

  /// The session with this token and whose it is, whether or not it is over.
  func session(tokenHash: [UInt8]) async throws(AuthError) -> (session: Session, account: Account)?

  /// Notes that the session was seen at `now`, sooner or later; never goes back.
  func noteSeen(session id: UUID, at now: Date)

  /// Ends the session; without one of this account nothing happens and no receipt is kept.
  func deleteSession(
    _ id: UUID, of account: UserID, receipt: Receipt
  ) async throws(AuthError)

  /// Removes sessions that are over or were not seen since `threshold`; no receipt, for nobody did
  /// anything. Returns how many there were.
  func deleteSessions(
    overAt now: Date, orUnseenSince threshold: Date
  ) async throws(AuthError) -> Int

  // MARK: Access tokens

  /// Throws `.tooManyAccessTokens` when the account has `countMax` already, derived ones apart.
  func insert(
    _ token: AccessToken, hash: [UInt8], countMax: Int, receipt: Receipt
  ) async throws(AuthError)

  /// The access token with this hash and whose it is, whether or not it is over; `isOld` for the
  /// secret from before its last rotation.
  func accessToken(
    hash: [UInt8]
  ) async throws(AuthError) -> (token: AccessToken, isOld: Bool, account: Account)?

  /// The account's access token with this id, whether or not it is over.
  func accessToken(_ id: UUID, of account: UserID) async throws(AuthError) -> AccessToken?

  /// Notes that the token was used at `now` from `address`, sooner or later; never goes back.
  func noteUse(accessToken id: UUID, at now: Date, from address: String)

  /// Newest first, those behind `position`, at most `limit`; those that were derived from `parent`,
  /// or without one those that were not derived.
  func accessTokens(
    of account: UserID, derivedFrom parent: UUID?, behind position: PagePosition?, limit: Int
  ) async throws(AuthError) -> [AccessToken]

  /// Revokes a token of this account and keeps the receipt that `receipt` makes of it; throws
  /// `.notFound` when the account has none with this id.
  func deleteAccessToken(
    _ id: UUID, of account: UserID, receipt: @Sendable (AccessToken) -> Receipt
  ) async throws(AuthError)
}

/// An account that is about to be kept.
package struct NewAccount: Sendable {
  package let account: Account
  /// A PHC string.
  package let passwordHash: String
  /// The hash of an invitation's token, which is used up: its address must be the account's, and is
  /// confirmed by it.
  package let invitationHash: [UInt8]?
  /// The first account of all becomes an admin.
  package let mayBecomeAdmin: Bool
  /// The identity at a provider by which its owner has signed up.
  package let identity: NewIdentity?
  package let mails: [MailOrder]
  /// What is sent where nobody is told that the address is taken; nil where that is said.
  package let mailIfTaken: MailOrder?
  package let receipt: Receipt

  package init(
    account: Account, passwordHash: String, invitationHash: [UInt8]? = nil,
    mayBecomeAdmin: Bool = false, identity: NewIdentity? = nil, mails: [MailOrder] = [],
    mailIfTaken: MailOrder? = nil, receipt: Receipt
  ) {
    self.mailIfTaken = mailIfTaken
    self.account = account
    self.passwordHash = passwordHash
    self.invitationHash = invitationHash
    self.mayBecomeAdmin = mayBecomeAdmin
    self.identity = identity
    self.mails = mails
    self.receipt = receipt
  }
}

/// An account with what its log-in is checked against.
package struct StoredAccount: Sendable {
  package let account: Account
  /// A PHC string.
  package let passwordHash: String
  /// Log-in by password needs a code of an authenticator app, or a passkey, too.
  package let hasSecondFactor: Bool

  package init(account: Account, passwordHash: String, hasSecondFactor: Bool = false) {
    self.account = account
    self.passwordHash = passwordHash
    self.hasSecondFactor = hasSecondFactor
  }
}

/// A stronger hash of the same password.
package struct PasswordRehash: Sendable {
  /// Replaced only while it is still this one: the password may have been changed meanwhile.
  package let oldHash: String
  package let newHash: String
}
