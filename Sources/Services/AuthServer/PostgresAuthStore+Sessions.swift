import Auth
import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts

extension PostgresAuthStore {
  func session(tokenHash: [UInt8]) async throws(AuthError) -> (session: Session, account: Account)?
  {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT s.id, s.account_id, s.create_time, s.last_seen_time, s.expire_time, s.ip_address,
               s.user_agent, s.request_id, a.email, a.display_name,
               a.create_time AS account_create_time
          FROM sessions AS s
          JOIN accounts AS a ON a.id = s.account_id
         WHERE s.token_hash = \(tokenHash)
        """
      ) { row throws(PostgresError) in
        (session: try Session(row: row), account: try Account(row: row))
      }
    }
  }

  func noteSeen(
    session id: UUID, at now: Date, unlessSince threshold: Date
  ) async throws(AuthError) {
    try await query { postgres throws(PostgresError) in
      try await postgres.execute(
        """
        UPDATE sessions SET last_seen_time = \(now)
         WHERE id = \(id) AND last_seen_time <= \(threshold)
        """)
    }
  }

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
}
