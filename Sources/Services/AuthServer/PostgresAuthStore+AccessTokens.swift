import Auth
import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import UseCases

extension PostgresAuthStore {
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
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT t.id, t.account_id, t.name, t.hint, t.scope, t.create_time, t.expire_time, t.last_use_time,
               a.email, a.display_name, a.create_time AS account_create_time
          FROM access_tokens AS t
          JOIN accounts AS a ON a.id = t.account_id
         WHERE t.token_hash = \(hash)
        """
      ) { row throws(PostgresError) in
        (token: try AccessToken(row: row), account: try Account(row: row))
      }
    }
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

  func noteUse(
    accessToken id: UUID, at now: Date, unlessSince threshold: Date
  ) async throws(AuthError) {
    try await query { postgres throws(PostgresError) in
      try await postgres.execute(
        """
        UPDATE access_tokens SET last_use_time = \(now)
         WHERE id = \(id) AND (last_use_time IS NULL OR last_use_time <= \(threshold))
        """)
    }
  }

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
