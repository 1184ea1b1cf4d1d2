import Auth
import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts

/// Rows of sessions and second factors, one at a time.
extension PostgresAuthStore {
  // MARK: Sessions

  func sessions(
    of account: UserID, aliveAt now: Date, seenSince threshold: Date
  ) async throws(AuthError) -> [Session] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT id, account_id, create_time, last_seen_time, expire_time, ip_address, user_agent,
               request_id, confirm_time
          FROM sessions
         WHERE account_id = \(account.uuid) AND expire_time > \(now)
           AND last_seen_time > \(threshold)
         ORDER BY last_seen_time DESC, id
        """, as: Session.init(row:))
    }
  }

  func rotateSession(
    _ id: UUID, of account: UserID, tokenHash: [UInt8]
  ) async throws(AuthError) -> Date {
    guard let session = try await session(id, of: account) else { throw .notFound }
    let count = try await query { postgres throws(PostgresError) in
      try await postgres.execute(
        """
        UPDATE sessions
           SET token_hash = \(tokenHash), code = \(codes.code(of: session, tokenHash: tokenHash))
         WHERE id = \(id) AND account_id = \(account.uuid)
           AND expire_time = \(session.expireTime)
        """)
    }
    guard count == 1 else { throw .notFound }
    return session.expireTime
  }

  func revokeSession(
    _ id: UUID, of account: UserID, receipt: Receipt
  ) async throws(AuthError) {
    try await transaction { transaction in
      let count = try await transaction.execute(
        "DELETE FROM sessions WHERE id = \(id) AND account_id = \(account.uuid)")
      guard count == 1 else { throw AuthError.notFound }
      try await outbox.insert(receipt, in: transaction)
    }
  }

  func revokeSessions(
    of account: UserID, but kept: UUID, receipt: @Sendable (Int) -> Receipt
  ) async throws(AuthError) -> Int {
    try await transaction { transaction in
      let count = try await transaction.execute(
        "DELETE FROM sessions WHERE account_id = \(account.uuid) AND id <> \(kept)")
      try await outbox.insert(receipt(count), in: transaction)
      return count
    }
  }

  func confirmSession(
    _ id: UUID, of account: UserID, at now: Date, receipt: Receipt
  ) async throws(AuthError) {
    try await transaction { transaction in
      let count = try await transaction.execute(
        """
        UPDATE sessions SET confirm_time = \(now)
         WHERE id = \(id) AND account_id = \(account.uuid)
        """)
      guard count == 1 else { throw AuthError.notFound }
      try await outbox.insert(receipt, in: transaction)
    }
  }

  func useLink(
    tokenHash: [UInt8], purpose: LinkPurpose, at now: Date
  ) async throws(AuthError) -> Bool {
    try await query { postgres throws(PostgresError) in
      try await postgres.execute(
        """
        DELETE FROM links
         WHERE token_hash = \(tokenHash) AND purpose = \(purpose.rawValue)
           AND expire_time > \(now)
        """) == 1
    }
  }

  // MARK: Second factors

  func authenticator(of account: UserID) async throws(AuthError) -> StoredAuthenticator? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT secret, enable_time
          FROM authenticators
         WHERE account_id = \(account.uuid)
        """
      ) { row throws(PostgresError) in
        StoredAuthenticator(
          sealedSecret: try row.decode("secret"), enableTime: try row.decode("enable_time"))
      }
    }
  }

  func secondFactors(of account: UserID) async throws(AuthError) -> SecondFactorState {
    let found = try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT (SELECT enable_time FROM authenticators WHERE account_id = \(account.uuid))
                 AS enable_time,
               (SELECT count(*) FROM recovery_codes WHERE account_id = \(account.uuid))
                 AS codes_left,
               (SELECT count(*) FROM passkeys WHERE account_id = \(account.uuid))
                 AS passkey_count
        """
      ) { row throws(PostgresError) in
        SecondFactorState(
          authenticatorTime: try row.decode("enable_time"),
          recoveryCodesLeft: try row.decode("codes_left"),
          passkeyCount: try row.decode("passkey_count"))
      }
    }
    return found
      ?? SecondFactorState(authenticatorTime: nil, recoveryCodesLeft: 0, passkeyCount: 0)
  }

  func insertAuthenticator(
    sealedSecret: [UInt8], of account: UserID, at now: Date
  ) async throws(AuthError) {
    let count = try await query { postgres throws(PostgresError) in
      try await postgres.execute(
        """
        INSERT INTO authenticators AS f (account_id, secret, create_time)
        VALUES (\(account.uuid), \(sealedSecret), \(now))
            ON CONFLICT (account_id) DO UPDATE
           SET secret = excluded.secret, create_time = excluded.create_time
         WHERE f.enable_time IS NULL
        """)
    }
    guard count == 1 else { throw .secondFactorOn }
  }

  func useStep(_ step: Int64, of account: UserID) async throws(AuthError) -> Bool {
    try await query { postgres throws(PostgresError) in
      try await postgres.execute(
        """
        UPDATE authenticators SET last_step = \(Int(step))
         WHERE account_id = \(account.uuid) AND last_step < \(Int(step))
           AND enable_time IS NOT NULL
        """) == 1
    }
  }

  func useRecoveryCode(hash: [UInt8], of account: UserID) async throws(AuthError) -> Bool {
    try await query { postgres throws(PostgresError) in
      try await postgres.execute(
        """
        DELETE FROM recovery_codes
         WHERE account_id = \(account.uuid) AND code_hash = \(hash)
        """) == 1
    }
  }
}
