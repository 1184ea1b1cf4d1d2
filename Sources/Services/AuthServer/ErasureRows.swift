import Auth
import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import UseCases

/// The end of accounts.
extension PostgresAuthStore {
  func restore(
    _ account: UserID, at now: Date, receipt: Receipt, mail: MailOrder?
  ) async throws(AuthError) -> Bool {
    try await transaction { transaction in
      let count = try await transaction.execute(
        """
        UPDATE accounts SET delete_time = NULL
         WHERE id = \(account.uuid) AND delete_time > \(now)
        """)
      guard count == 1 else { return false }
      try await transaction.execute(
        """
        DELETE FROM links
         WHERE account_id = \(account.uuid) AND purpose = \(LinkPurpose.keepAccount.rawValue)
        """)
      if let mail { try await mails.insert([mail], in: transaction) }
      try await outbox.insert(receipt, in: transaction)
      return true
    }
  }

  func accountsToErase(at now: Date, limit: Int) async throws(AuthError) -> [Account] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT id AS account_id, email, display_name, create_time AS account_create_time, role,
               verify_time, disable_time, delete_time
          FROM accounts
         WHERE delete_time <= \(now)
         ORDER BY delete_time
         LIMIT \(limit)
        """, as: Account.init(row:))
    }
  }

  func erase(
    _ account: UserID, at now: Date, receipt: Receipt, mail: MailOrder?
  ) async throws(AuthError) -> Bool {
    try await transaction { transaction in
      // Sessions, access tokens, links and factors go with it, and the triggers tell of them.
      let emailKey = try await transaction.first(
        """
        DELETE FROM accounts WHERE id = \(account.uuid) AND delete_time <= \(now)
        RETURNING email_key
        """
      ) { row throws(PostgresError) in try row.decode("email_key", as: String.self) }
      guard let emailKey else { return false }
      try await Self.remember([account], at: now, in: transaction)
      try await transaction.execute(
        "DELETE FROM links WHERE account_id IS NULL AND email_key = \(emailKey)")
      try await transaction.execute("DELETE FROM mails WHERE account_id = \(account.uuid)")
      if let mail { try await mails.insert([mail], in: transaction) }
      try await outbox.insert(receipt, in: transaction)
      return true
    }
  }

  /// Has the other services told, of those too that they were told of before.
  private static func remember(
    _ accounts: [UserID], at now: Date, in transaction: PostgresTransaction
  ) async throws(PostgresError) {
    try await transaction.execute(
      """
      INSERT INTO erasures AS e (account_id, erase_time)
      SELECT DISTINCT id, \(now)::timestamptz FROM unnest(\(accounts.map(\.uuid))) AS a (id)
          ON CONFLICT (account_id) DO UPDATE
         SET vault_time = NULL, audit_time = NULL, attempts = 0, retry_time = '-infinity'
      """)
  }

  func repeatErasures(of accounts: [UserID], at now: Date) async throws(AuthError) -> Int {
    try await transaction { transaction in
      try await Self.remember(accounts, at: now, in: transaction)
      return try await transaction.execute(
        """
        UPDATE accounts SET delete_time = least(delete_time, \(now))
         WHERE id = ANY(\(accounts.map(\.uuid)))
        """)
    }
  }

  func erasures(
    behind position: PagePosition?, limit: Int
  ) async throws(AuthError) -> [Erasure] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT account_id, erase_time,
               vault_time IS NOT NULL AND audit_time IS NOT NULL AS is_complete
          FROM erasures
         WHERE \(position?.time)::timestamptz IS NULL
            OR (erase_time, account_id) > (\(position?.time), \(position?.id))
         ORDER BY erase_time, account_id
         LIMIT \(limit)
        """
      ) { row throws(PostgresError) in
        Erasure(
          accountID: UserID(try row.decode("account_id")), time: try row.decode("erase_time"),
          isComplete: try row.decode("is_complete"))
      }
    }
  }
}
