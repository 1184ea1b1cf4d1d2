package import FoundationEssentials
package import Identity
package import Receipts
package import UseCases

/// Where it is kept what happens to accounts after sign-up. All methods throw `.storage` or
/// `.storageUnavailable` when the database fails.
package protocol AccountStore: Sendable {
  /// Keeps a receipt that goes with no change.
  func record(_ receipt: Receipt) async throws(AuthError)

  /// Keeps mails and receipts that go with no change, in one transaction.
  func insert(_ mails: [MailOrder], receipts: [Receipt]) async throws(AuthError)

  // MARK: Accounts

  func storedAccount(_ id: UserID) async throws(AuthError) -> StoredAccount?
  func account(emailKey: String) async throws(AuthError) -> StoredAccount?

  /// Changes an account; throws `.notFound`, `.emailTaken`, `.lastAdmin`, or `.wrongCredentials`
  /// when its password hash is not the expected one any more, and changes nothing then.
  func apply(_ change: AccountChange, to account: UserID) async throws(AuthError)

  /// Newest first, those behind `position`, at most `limit`.
  func users(
    matching email: String, behind position: PagePosition?, limit: Int
  ) async throws(AuthError) -> [User]
  func user(_ id: UserID) async throws(AuthError) -> User?

  // MARK: Deletion

  /// Accounts whose time has come, at most `limit`.
  func accountsToErase(at now: Date, limit: Int) async throws(AuthError) -> [Account]

  /// Deletes an account whose time has come with everything of it, and remembers to tell the other
  /// services; false when it is kept or gone.
  func erase(
    _ account: UserID, at now: Date, receipt: Receipt, mail: MailOrder?
  ) async throws(AuthError) -> Bool

  /// Remembers to tell the other services of accounts that are no more, whether or not they have
  /// been told; those that are there are to be deleted at once. Returns how many these are.
  func repeatErasures(of accounts: [UserID], at now: Date) async throws(AuthError) -> Int

  /// Accounts that are no more, the first one first, those behind `position`, at most `limit`.
  func erasures(
    behind position: PagePosition?, limit: Int
  ) async throws(AuthError) -> [Erasure]

  // MARK: Links

  /// Keeps a link, and of those of its purpose and account the `countMax` newest.
  func insert(_ link: Link, tokenHash: [UInt8], countMax: Int) async throws(AuthError)

  /// The link with this token, unless it is over or used.
  func link(tokenHash: [UInt8], at now: Date) async throws(AuthError) -> Link?

  /// Uses a link up and changes its account in one transaction: of any number of calls one wins,
  /// the others throw `.linkOver`. Throws what `apply` throws too; then the link still works.
  func redeem(
    tokenHash: [UInt8], of account: UserID, at now: Date, _ change: AccountChange
  ) async throws(AuthError)

  /// Uses up a link that is of no account's mail; says whether it still worked.
  func useLink(
    tokenHash: [UInt8], purpose: LinkPurpose, at now: Date
  ) async throws(AuthError) -> Bool

  // MARK: Second factors

  func authenticator(of account: UserID) async throws(AuthError) -> StoredAuthenticator?

  func secondFactors(of account: UserID) async throws(AuthError) -> SecondFactorState

  /// Keeps a secret that counts once a code of it was seen, in place of one that doesn't count
  /// yet; throws `.secondFactorOn` when one counts.
  func insertAuthenticator(
    sealedSecret: [UInt8], of account: UserID, at now: Date
  ) async throws(AuthError)

  /// Uses up a time step and those before it; of any number of calls one is told that it could.
  func useStep(_ step: Int64, of account: UserID) async throws(AuthError) -> Bool

  /// Uses up a recovery code; of any number of calls one is told that it could.
  func useRecoveryCode(hash: [UInt8], of account: UserID) async throws(AuthError) -> Bool

  // MARK: Sessions

  /// Notes that the session's owner has proved who they are; throws `.notFound` without one.
  func confirmSession(
    _ id: UUID, of account: UserID, at now: Date, receipt: Receipt
  ) async throws(AuthError)

  /// The account's sessions that are not over, the one that was seen last first.
  func sessions(
    of account: UserID, aliveAt now: Date, seenSince threshold: Date
  ) async throws(AuthError) -> [Session]

  /// Has the session go on under another token; returns when it ends, and throws `.notFound`
  /// without one of this account.
  func rotateSession(
    _ id: UUID, of account: UserID, tokenHash: [UInt8]
  ) async throws(AuthError) -> Date

  /// Ends the session; throws `.notFound` without one of this account.
  func revokeSession(
    _ id: UUID, of account: UserID, receipt: Receipt
  ) async throws(AuthError)

  /// Ends the account's sessions but one; keeps the receipt that `receipt` makes of their number.
  func revokeSessions(
    of account: UserID, but kept: UUID, receipt: @Sendable (Int) -> Receipt
  ) async throws(AuthError) -> Int

  // MARK: Access tokens

  /// The account's session with this id, whether or not it is over.
  func session(_ id: UUID, of account: UserID) async throws(AuthError) -> Session?

  /// The account's access token with this id, whether or not it is over.
  func storedAccessToken(_ id: UUID, of account: UserID) async throws(AuthError) -> AccessToken?

  /// Throws `.tooManyDerivedTokens` when its parent or account has too many that are not over, or
  /// `.unauthenticated` when its parent is gone.
  func insertDerived(
    _ token: AccessToken, hash: [UInt8], receipt: Receipt
  ) async throws(AuthError)

  /// Gives a token another hash; the one that it had works until `oldSecretExpireTime`. Without
  /// such a time it ends at once, and what was derived from the token too. Throws `.notFound`
  /// without a token.
  func rotate(_ token: AccessToken, hash: [UInt8], receipt: Receipt) async throws(AuthError)

  /// Deletes tokens that are over, those of one's own since `threshold`; returns how many.
  func deleteAccessTokens(
    overAt now: Date, ownSince threshold: Date
  ) async throws(AuthError) -> Int

  /// Deletes counts of what strangers tried before `threshold`.
  func deleteUnknownLogIns(before threshold: Date) async throws(AuthError)

  /// Deletes links that are over; returns how many.
  func deleteLinks(overAt now: Date) async throws(AuthError) -> Int
}

/// What is to become of an account, all or nothing.
package struct AccountChange: Sendable {
  /// Which of the account's sessions end.
  package enum EndedSessions: Sendable, Hashable {
    case none
    case all
    case allBut(UUID)
  }

  package var passwordHash: String?
  /// The change is made only while the hash is this one.
  package var expectedPasswordHash: String?
  package var email: EmailAddress?
  /// The address was shown to be its owner's.
  package var verifyTime: Date?
  package var role: Role?
  /// Shuts the account out since then.
  package var disableTime: Date?
  /// Lets it in again.
  package var isEnabled = false
  /// Has the account deleted then, unless it is to be deleted sooner already.
  package var deleteTime: Date?
  /// Keeps one that is to be deleted.
  package var isKept = false
  /// The authenticator counts from now on; the step is that of the code that was seen.
  package var enabledAuthenticator: (time: Date, step: Int64)?
  package var removesAuthenticator = false
  package var newPasskey: NewPasskey?
  package var removedPasskey: UUID?
  package var removesPasskeys = false
  package var newIdentity: NewIdentity?
  package var removedIdentity: UUID?
  /// Hashes of the recovery codes that replace those from before.
  package var recoveryCodeHashes: [[UInt8]]?
  package var endedSessions = EndedSessions.none
  /// All access tokens are revoked.
  package var endsAccessTokens = false
  /// Links of these purposes stop working.
  package var endedLinks: Set<LinkPurpose> = []
  package var receipts: [Receipt] = []
  package var mails: [MailOrder] = []

  package init() {}

  /// Whether an admin that it is applied to would be none any more.
  package var takesAdminAway: Bool {
    disableTime != nil || deleteTime != nil || role.map { $0 != .admin } ?? false
  }
}

/// An account that is no more.
package struct Erasure: Sendable, Hashable {
  package let accountID: UserID
  package let time: Date
  /// Whether the other services have destroyed what they had.
  package let isComplete: Bool

  package init(accountID: UserID, time: Date, isComplete: Bool) {
    self.accountID = accountID
    self.time = time
    self.isComplete = isComplete
  }
}

/// An authenticator app as it is stored.
package struct StoredAuthenticator: Sendable {
  package let sealedSecret: [UInt8]
  /// Nil: it was shown, and no code of it has been seen yet.
  package let enableTime: Date?

  package init(sealedSecret: [UInt8], enableTime: Date?) {
    self.sealedSecret = sealedSecret
    self.enableTime = enableTime
  }
}

/// The second factors of an account.
package struct SecondFactorState: Sendable, Hashable {
  /// Since when an authenticator app counts; nil without one.
  package let authenticatorTime: Date?
  package let recoveryCodesLeft: Int
  package let passkeyCount: Int

  package init(authenticatorTime: Date?, recoveryCodesLeft: Int, passkeyCount: Int) {
    self.authenticatorTime = authenticatorTime
    self.recoveryCodesLeft = recoveryCodesLeft
    self.passkeyCount = passkeyCount
  }
}

/// An account as those see it who look after accounts.
package struct User: Sendable, Hashable {
  package let account: Account
  /// Sessions that are not over.
  package let sessionCount: Int
  package let accessTokenCount: Int
  /// When any of them was used; up to a minute behind.
  package let lastSeenTime: Date?
  package let hasSecondFactor: Bool

  package init(
    account: Account, sessionCount: Int, accessTokenCount: Int, lastSeenTime: Date?,
    hasSecondFactor: Bool
  ) {
    self.hasSecondFactor = hasSecondFactor
    self.account = account
    self.sessionCount = sessionCount
    self.accessTokenCount = accessTokenCount
    self.lastSeenTime = lastSeenTime
  }
}
