import Auth
import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import UseCases

/// What proves who somebody is: sessions and access tokens.
extension PostgresAuthStore {
  /// The credential with this hash and whose it is; its table is `c` in `columns`.
  private func credential<Credential>(
    hash: [UInt8], in table: PostgresQuery, columns: PostgresQuery,
    as decode: (PostgresRow) throws(PostgresError) -> Credential
  ) async throws(AuthError) -> (Credential, Account)? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT \(columns), a.email, a.display_name, a.create_time AS account_create_time,
               a.role, a.verify_time, a.disable_time, a.delete_time
          FROM \(table) AS c
          JOIN accounts AS a ON a.id = c.account_id
         WHERE c.token_hash = \(hash)
        """
      ) { row throws(PostgresError) in (try decode(row), try Account(row: row)) }
    }
  }

  // MARK: Sessions

  func session(tokenHash: [UInt8]) async throws(AuthError) -> (session: Session, account: Account)?
  {
    try await credential(
      hash: tokenHash, in: "sessions",
      columns: """
        c.id, c.account_id, c.create_time, c.last_seen_time, c.expire_time, c.ip_address,
        c.user_agent, c.request_id, c.confirm_time
        """, as: Session.init(row:))
  }

  func noteSeen(session id: UUID, at now: Date) { uses.note(session: id, at: now) }

  func deleteSession(
    _ id: UUID, of account: UserID, receipt: Receipt
  ) async throws(AuthError) {
    try await transaction { transaction in
      let count = try await transaction.execute(
        "DELETE FROM sessions WHERE id = \(id) AND account_id = \(account.uuid)")
      if count > 0 { try await outbox.insert(receipt, in: transaction) }
    }
  }

  func deleteSessions(
    overAt now: Date, orUnseenSince threshold: Date
  ) async throws(AuthError) -> Int {
    try await query { postgres throws(PostgresError) in
      try await postgres.execute(
        """
        DELETE FROM sessions WHERE expire_time <= \(now) OR last_seen_time <= \(threshold)
        """)
    }
  }

  // MARK: Access tokens

  func insert(
    _ token: AccessToken, hash: [UInt8], countMax: Int, receipt: Receipt
  ) async throws(AuthError) {
    try await transaction { transaction in
      // Whoever creates another token for this account at the same time counts after us.
      _ = try await transaction.rows(
        "SELECT id FROM accounts WHERE id = \(token.accountID.uuid) FOR UPDATE")
      let count = try await transaction.first(
        """
        SELECT count(*) AS count FROM access_tokens WHERE account_id = \(token.accountID.uuid)
        """
      ) { row throws(PostgresError) in try row.decode("count", as: Int.self) }
      guard let count, count < countMax else { throw AuthError.tooManyAccessTokens }
      try await transaction.execute(
        """
        INSERT INTO access_tokens (id, account_id, name, hint, scope, token_hash, create_time,
                                   expire_time)
        VALUES (\(token.id), \(token.accountID.uuid), \(token.name), \(token.hint),
                \(token.scopes.text), \(hash), \(token.createTime), \(token.expireTime))
        """)
      try await outbox.insert(receipt, in: transaction)
    } refusal: { error in
      // The account went away while its assertion was still valid.
      error.isForeignKeyViolation() ? .unauthenticated : nil
    }
  }

  func accessToken(
    hash: [UInt8]
  ) async throws(AuthError) -> (token: AccessToken, account: Account)? {
    try await credential(
      hash: hash, in: "access_tokens",
      columns: """
        c.id, c.account_id, c.name, c.hint, c.scope, c.create_time, c.expire_time, c.last_use_time
        """, as: AccessToken.init(row:))
  }

  func accessToken(_ id: UUID, of account: UserID) async throws(AuthError) -> AccessToken? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT id, account_id, name, hint, scope, create_time, expire_time, last_use_time
          FROM access_tokens
         WHERE id = \(id) AND account_id = \(account.uuid)
        """, as: AccessToken.init(row:))
    }
  }

  func noteUse(accessToken id: UUID, at now: Date) { uses.note(accessToken: id, at: now) }

  func accessTokens(
    of account: UserID, behind position: PagePosition?, limit: Int
  ) async throws(AuthError) -> [AccessToken] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT id, account_id, name, hint, scope, create_time, expire_time, last_use_time
          FROM access_tokens
         WHERE account_id = \(account.uuid)
           AND (\(position?.time)::timestamptz IS NULL
                OR (create_time, id) < (\(position?.time), \(position?.id)))
         ORDER BY create_time DESC, id DESC
         LIMIT \(limit)
        """, as: AccessToken.init(row:))
    }
  }

  func deleteAccessToken(
    _ id: UUID, of account: UserID, receipt: @Sendable (AccessToken) -> Receipt
  ) async throws(AuthError) {
    try await transaction { transaction in
      let token = try await transaction.first(
        """
        DELETE FROM access_tokens
         WHERE id = \(id) AND account_id = \(account.uuid)
        RETURNING id, account_id, name, hint, scope, create_time, expire_time, last_use_time
        """, as: AccessToken.init(row:))
      guard let token else { throw AuthError.notFound }
      try await outbox.insert(receipt(token), in: transaction)
    }
  }
}
