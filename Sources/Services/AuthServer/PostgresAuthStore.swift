import Auth
import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts

/// Accounts, sessions and access tokens in the schema `auth`.
struct PostgresAuthStore: AuthStore, PostgresStore {
  typealias Failure = AuthError

  let postgres: PostgresClient
  let outbox: PostgresOutbox
  let uses: UseNotes
  let mails: MailQueue
  /// Ties sessions, access tokens and links to their rows.
  let codes: CredentialCodes

  // MARK: Accounts

  func insert(_ new: NewAccount) async throws(AuthError) -> Account {
    let account = new.account
    return try await transaction { transaction in
      if let hash = new.invitationHash {
        let used = try await transaction.first(
          """
          DELETE FROM links
           WHERE token_hash = \(hash) AND purpose = \(LinkPurpose.invitation.rawValue)
             AND email_key = \(account.email.key) AND expire_time > \(account.createTime)
          RETURNING purpose, account_id, email, create_time, expire_time, code
          """
        ) { row throws(PostgresError) in try Link(row: row, tokenHash: hash, codes) }
        guard used.flatMap(\.self) != nil else {
          throw AuthError.invalid(
            .invitation, reason: "does not work any more, or is for another address")
        }
      }
      let kept = try await transaction.first(
        """
        INSERT INTO accounts
               (id, email, email_key, display_name, password_hash, create_time, verify_time, role)
        SELECT \(account.id.uuid), \(account.email.text), \(account.email.key),
               \(account.displayName.text), \(new.passwordHash), \(account.createTime),
               \(account.verifyTime),
               CASE WHEN \(new.mayBecomeAdmin) AND NOT EXISTS (SELECT FROM accounts)
                    THEN 'admin' ELSE 'user' END
            ON CONFLICT (email_key) DO NOTHING
        RETURNING id AS account_id, email, display_name, create_time AS account_create_time, role,
                  verify_time, disable_time, delete_time
        """, as: Account.init(row:))
      guard let kept else {
        guard let mail = new.mailIfTaken else { throw AuthError.emailTaken }
        try await mails.insert([mail], in: transaction)
        try await transaction.execute(Self.unknownLogIn(at: account.createTime))
        return account
      }
      if let identity = new.identity { try await insert(identity, in: transaction) }
      try await mails.insert(new.mails, in: transaction)
      try await outbox.insert(new.receipt, in: transaction)
      return kept
    } refusal: { error in
      error.isUniqueViolation(constraint: "identities_subject_unique") ? .identityTaken : nil
    }
  }

  func insert(_ mail: MailOrder) async throws(AuthError) {
    try await transaction { transaction in try await mails.insert([mail], in: transaction) }
  }

  func account(emailKey: String) async throws(AuthError) -> StoredAccount? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT id AS account_id, email, display_name, create_time AS account_create_time, role,
               verify_time, disable_time, delete_time, password_hash,
               has_second_factor(id) AS has_second_factor
          FROM accounts
         WHERE email_key = \(emailKey)
        """, as: StoredAccount.init(row:))
    }
  }

  func account(_ id: UserID) async throws(AuthError) -> Account? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT id AS account_id, email, display_name, create_time AS account_create_time, role,
               verify_time, disable_time, delete_time
          FROM accounts
         WHERE id = \(id.uuid)
        """, as: Account.init(row:))
    }
  }

  // MARK: Log-in

  func record(_ receipt: Receipt) async throws(AuthError) {
    try await query { postgres throws(PostgresError) in
      try await outbox.insert([receipt], in: postgres)
    }
  }

  func countUnknownLogIn(at now: Date) async throws(AuthError) {
    try await query { postgres throws(PostgresError) in
      try await postgres.execute(Self.unknownLogIn(at: now))
    }
  }

  private static func unknownLogIn(at now: Date) -> PostgresQuery {
    """
    INSERT INTO unknown_log_ins AS u (hour, attempts)
    VALUES (date_trunc('hour', \(now), 'UTC'), 1)
        ON CONFLICT (hour) DO UPDATE SET attempts = u.attempts + 1
    """
  }

  func insert(
    _ session: Session, tokenHash: [UInt8], rehash: PasswordRehash?, sessionsMax: Int,
    receipt: Receipt
  ) async throws(AuthError) {
    try await transaction { transaction in
      try await transaction.execute(
        """
        INSERT INTO sessions
               (id, account_id, token_hash, create_time, last_seen_time, expire_time,
                ip_address, user_agent, request_id, confirm_time, code)
        VALUES (\(session.id), \(session.accountID.uuid), \(tokenHash), \(session.createTime),
                \(session.lastSeenTime), \(session.expireTime), \(session.origin.ipAddress),
                \(session.origin.userAgent), \(session.origin.requestID),
                \(session.confirmTime), \(codes.code(of: session, tokenHash: tokenHash)))
        """)
      try await transaction.execute(
        """
        DELETE FROM sessions
         WHERE account_id = \(session.accountID.uuid)
           AND (expire_time <= \(session.createTime)
                OR id IN (SELECT id
                            FROM sessions
                           WHERE account_id = \(session.accountID.uuid)
                           ORDER BY create_time DESC, id DESC
                          OFFSET \(sessionsMax)))
        """)
      if let rehash {
        try await transaction.execute(
          """
          UPDATE accounts SET password_hash = \(rehash.newHash)
           WHERE id = \(session.accountID.uuid) AND password_hash = \(rehash.oldHash)
          """)
      }
      try await outbox.insert(receipt, in: transaction)
    } refusal: { error in
      // The account was deleted meanwhile.
      error.isForeignKeyViolation() ? .wrongCredentials : nil
    }
  }
}

extension AuthError: StorageError {}

extension Account {
  init(row: PostgresRow) throws(PostgresError) {
    self.init(
      id: UserID(try row.decode("account_id")),
      email: EmailAddress(stored: try row.decode("email")),
      displayName: DisplayName(stored: try row.decode("display_name")),
      createTime: try row.decode("account_create_time"),
      role: Role(word: try row.decode("role")), verifyTime: try row.decode("verify_time"),
      disableTime: try row.decode("disable_time"), deleteTime: try row.decode("delete_time"))
  }
}

extension Session {
  init(row: PostgresRow) throws(PostgresError) {
    self.init(
      id: try row.decode("id"), accountID: UserID(try row.decode("account_id")),
      createTime: try row.decode("create_time"), lastSeenTime: try row.decode("last_seen_time"),
      expireTime: try row.decode("expire_time"),
      origin: CallOrigin(
        ipAddress: try row.decode("ip_address"), userAgent: try row.decode("user_agent"),
        requestID: try row.decode("request_id")),
      confirmTime: try row.decode("confirm_time"))
  }
}
