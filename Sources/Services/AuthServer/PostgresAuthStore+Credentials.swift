import Auth
import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import UseCases

/// What proves who somebody is: sessions and access tokens.
extension PostgresAuthStore {
  /// The credential that meets the condition and whose it is; its table is `c` in `columns`, one of
  /// which is its `code`. One whose row is not as this service has written it is none.
  func credential<Credential>(
    in table: PostgresQuery, columns: PostgresQuery, where condition: PostgresQuery,
    as decode: (PostgresRow) throws(PostgresError) -> Credential,
    code: (Credential) -> [UInt8]
  ) async throws(AuthError) -> (Credential, Account)? {
    let found = try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT \(columns), a.email, a.display_name, a.create_time AS account_create_time,
               a.role, a.verify_time, a.disable_time, a.delete_time
          FROM \(table) AS c
          JOIN accounts AS a ON a.id = c.account_id
         WHERE \(condition)
        """
      ) { row throws(PostgresError) in
        (try decode(row), try Account(row: row), try row.decode("code", as: [UInt8]?.self))
      }
    }
    guard let (credential, account, stored) = found, codes.isRight(stored, code(credential)) else {
      return nil
    }
    return (credential, account)
  }

  // MARK: Sessions

  func session(tokenHash: [UInt8]) async throws(AuthError) -> (session: Session, account: Account)?
  {
    try await credential(
      in: "sessions",
      columns: """
        c.id, c.account_id, c.create_time, c.last_seen_time, c.expire_time, c.ip_address,
        c.user_agent, c.request_id, c.confirm_time, c.code
        """, where: "c.token_hash = \(tokenHash)", as: Session.init(row:)
    ) { codes.code(of: $0, tokenHash: tokenHash) }
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
    try await sweep(Leftovers.sessionsOver(at: now))
      + sweep(Leftovers.sessionsUnseen(since: threshold))
  }
}
