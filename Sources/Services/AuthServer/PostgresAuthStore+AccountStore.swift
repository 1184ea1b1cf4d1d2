import Auth
import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import UseCases

/// What happens to accounts after sign-up.
extension PostgresAuthStore: AccountStore {
  func insert(_ mails: [MailOrder], receipts: [Receipt]) async throws(AuthError) {
    try await transaction { transaction in
      try await self.mails.insert(mails, in: transaction)
      try await outbox.insert(receipts, in: transaction)
    }
  }

  // MARK: Accounts

  func storedAccount(_ id: UserID) async throws(AuthError) -> StoredAccount? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT id AS account_id, email, display_name, create_time AS account_create_time, role,
               verify_time, disable_time, delete_time, password_hash,
               has_second_factor(id) AS has_second_factor
          FROM accounts
         WHERE id = \(id.uuid)
        """, as: StoredAccount.init(row:))
    }
  }

  func apply(_ change: AccountChange, to account: UserID) async throws(AuthError) {
    try await transaction { transaction in
      try await apply(change, to: account, in: transaction)
    } refusal: { error in
      Self.refusal(error)
    }
  }

  private static func refusal(_ error: PostgresError) -> AuthError? {
    if error.isUniqueViolation(constraint: "passkeys_credential_unique") { return .passkeyRefused }
    if error.isUniqueViolation(constraint: "identities_subject_unique") { return .identityTaken }
    return error.isUniqueViolation(constraint: "accounts_email_key_unique") ? .emailTaken : nil
  }

  private func apply(
    _ change: AccountChange, to account: UserID, in transaction: PostgresTransaction
  ) async throws {
    if change.takesAdminAway {
      // In one order, so that two admins who take each other's role wait for each other.
      let admins = try await transaction.all(
        """
        SELECT id FROM accounts
         WHERE role = 'admin' AND disable_time IS NULL AND delete_time IS NULL
         ORDER BY id FOR UPDATE
        """
      ) { row throws(PostgresError) in try row.decode("id", as: UUID.self) }
      if admins == [account.uuid] { throw AuthError.lastAdmin }
    }
    let count = try await transaction.execute(
      """
      UPDATE accounts
         SET password_hash = coalesce(\(change.passwordHash), password_hash),
             email = coalesce(\(change.email?.text), email),
             email_key = coalesce(\(change.email?.key), email_key),
             verify_time = coalesce(\(change.verifyTime), verify_time),
             role = coalesce(\(change.role?.rawValue), role),
             disable_time = CASE WHEN \(change.isEnabled) THEN NULL
                                 ELSE coalesce(disable_time, \(change.disableTime)) END,
             delete_time = CASE WHEN \(change.isKept) THEN NULL
                                ELSE least(delete_time, \(change.deleteTime)) END
       WHERE id = \(account.uuid)
         AND coalesce(\(change.expectedPasswordHash), password_hash) = password_hash
      """)
    guard count == 1 else {
      throw change.expectedPasswordHash == nil ? AuthError.notFound : AuthError.wrongCredentials
    }
    try await applyToSecondFactor(change, of: account, in: transaction)
    try await applyToPasskeys(change, of: account, in: transaction)
    try await applyToIdentities(change, of: account, in: transaction)
    try await applyToRecoveryCodes(change, of: account, in: transaction)
    switch change.endedSessions {
    case .none: break
    case .all:
      try await transaction.execute("DELETE FROM sessions WHERE account_id = \(account.uuid)")
    case .allBut(let kept):
      try await transaction.execute(
        "DELETE FROM sessions WHERE account_id = \(account.uuid) AND id <> \(kept)")
    }
    if change.endsAccessTokens {
      try await transaction.execute(
        "DELETE FROM access_tokens WHERE account_id = \(account.uuid)")
    }
    if !change.endedLinks.isEmpty {
      try await transaction.execute(
        """
        DELETE FROM links
         WHERE account_id = \(account.uuid)
           AND purpose = ANY(\(change.endedLinks.map(\.rawValue)))
        """)
    }
    try await mails.insert(change.mails, in: transaction)
    try await outbox.insert(change.receipts, in: transaction)
  }

  private func applyToSecondFactor(
    _ change: AccountChange, of account: UserID, in transaction: PostgresTransaction
  ) async throws {
    if change.removesAuthenticator {
      try await transaction.execute(
        "DELETE FROM authenticators WHERE account_id = \(account.uuid)")
    }
    if let (time, step) = change.enabledAuthenticator {
      let count = try await transaction.execute(
        """
        UPDATE authenticators SET enable_time = \(time), last_step = \(Int(step))
         WHERE account_id = \(account.uuid) AND enable_time IS NULL
        """)
      guard count == 1 else { throw AuthError.secondFactorOn }
    }
  }

  private func applyToRecoveryCodes(
    _ change: AccountChange, of account: UserID, in transaction: PostgresTransaction
  ) async throws {
    // Without a second factor they are for nothing.
    let mayBeIdle =
      change.removesAuthenticator || change.removesPasskeys || change.removedPasskey != nil
    guard mayBeIdle || change.recoveryCodeHashes != nil else { return }
    try await transaction.execute(
      """
      DELETE FROM recovery_codes
       WHERE account_id = \(account.uuid)
         AND (\(change.recoveryCodeHashes != nil) OR NOT has_second_factor(account_id))
      """)
    for hash in change.recoveryCodeHashes ?? [] {
      try await transaction.execute(
        """
        INSERT INTO recovery_codes (account_id, code_hash) VALUES (\(account.uuid), \(hash))
        """)
    }
  }

  func users(
    matching email: String, behind position: PagePosition?, limit: Int
  ) async throws(AuthError) -> [User] {
    try await users(
      where: """
        (\(email) = '' OR position(\(email) IN a.email_key) > 0)
           AND (\(position?.time)::timestamptz IS NULL
                OR (a.create_time, a.id) < (\(position?.time), \(position?.id)))
        """, limit: limit)
  }

  func user(_ id: UserID) async throws(AuthError) -> User? {
    try await users(where: "a.id = \(id.uuid)", limit: 1).first
  }

  private func users(where condition: PostgresQuery, limit: Int) async throws(AuthError) -> [User] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT a.id AS account_id, a.email, a.display_name, a.create_time AS account_create_time,
               a.role, a.verify_time, a.disable_time, a.delete_time,
               (SELECT count(*) FROM sessions AS s
                 WHERE s.account_id = a.id AND s.expire_time > now()) AS session_count,
               (SELECT count(*) FROM access_tokens AS t
                 WHERE t.account_id = a.id AND (t.expire_time IS NULL OR t.expire_time > now()))
                 AS token_count,
               greatest(
                 (SELECT max(s.last_seen_time) FROM sessions AS s WHERE s.account_id = a.id),
                 (SELECT max(t.last_use_time) FROM access_tokens AS t WHERE t.account_id = a.id))
                 AS last_seen_time,
               has_second_factor(a.id) AS has_second_factor
          FROM accounts AS a
         WHERE \(condition)
         ORDER BY a.create_time DESC, a.id DESC
         LIMIT \(limit)
        """
      ) { row throws(PostgresError) in
        User(
          account: try Account(row: row), sessionCount: try row.decode("session_count"),
          accessTokenCount: try row.decode("token_count"),
          lastSeenTime: try row.decode("last_seen_time"),
          hasSecondFactor: try row.decode("has_second_factor"))
      }
    }
  }

  // MARK: Links

  func insert(_ link: Link, tokenHash: [UInt8], countMax: Int) async throws(AuthError) {
    try await transaction { transaction in
      try await transaction.execute(
        """
        INSERT INTO links
               (token_hash, purpose, account_id, email, email_key, create_time, expire_time, code)
        VALUES (\(tokenHash), \(link.purpose.rawValue), \(link.accountID?.uuid),
                \(link.email.text), \(link.email.key), \(link.createTime), \(link.expireTime),
                \(codes.code(of: link, tokenHash: tokenHash)))
        """)
      try await transaction.execute(
        """
        DELETE FROM links
         WHERE token_hash IN (
           SELECT token_hash
             FROM links
            WHERE purpose = \(link.purpose.rawValue)
              AND account_id IS NOT DISTINCT FROM \(link.accountID?.uuid)
              AND (account_id IS NOT NULL OR email_key = \(link.email.key))
            ORDER BY create_time DESC, token_hash
           OFFSET \(countMax))
        """)
    } refusal: { error in
      // The account went away meanwhile.
      error.isForeignKeyViolation() ? .notFound : nil
    }
  }

  func link(tokenHash: [UInt8], at now: Date) async throws(AuthError) -> Link? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT purpose, account_id, email, create_time, expire_time, code
          FROM links
         WHERE token_hash = \(tokenHash) AND expire_time > \(now)
        """
      ) { row throws(PostgresError) in try Link(row: row, tokenHash: tokenHash, codes) }
    }.flatMap { $0 }
  }

  func redeem(
    tokenHash: [UInt8], of account: UserID, at now: Date, _ change: AccountChange
  ) async throws(AuthError) {
    try await transaction { transaction in
      let count = try await transaction.execute(
        """
        DELETE FROM links
         WHERE token_hash = \(tokenHash) AND account_id = \(account.uuid) AND expire_time > \(now)
        """)
      guard count == 1 else { throw AuthError.linkOver }
      try await apply(change, to: account, in: transaction)
    } refusal: { error in
      Self.refusal(error)
    }
  }

  func deleteLinks(overAt now: Date) async throws(AuthError) -> Int {
    try await sweep(Leftovers.linksOver(at: now))
  }
}

extension Link {
  /// Nil for one that this service hasn't written, and for a purpose that this version doesn't
  /// know.
  init?(
    row: PostgresRow, tokenHash: [UInt8], _ codes: CredentialCodes
  ) throws(PostgresError) {
    guard let purpose = LinkPurpose(rawValue: try row.decode("purpose")) else { return nil }
    let accountID: UUID? = try row.decode("account_id")
    self.init(
      purpose: purpose, accountID: accountID.map(UserID.init(_:)),
      email: EmailAddress(stored: try row.decode("email")),
      createTime: try row.decode("create_time"), expireTime: try row.decode("expire_time"))
    let stored: [UInt8]? = try row.decode("code")
    guard codes.isRight(stored, codes.code(of: self, tokenHash: tokenHash)) else { return nil }
  }
}

extension StoredAccount {
  init(row: PostgresRow) throws(PostgresError) {
    self.init(
      account: try Account(row: row), passwordHash: try row.decode("password_hash"),
      hasSecondFactor: try row.decode("has_second_factor"))
  }
}
