import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import Vault

/// The end of an account.
extension PostgresVaultStore {
  /// Refuses what is stored for an account that is no more.
  static let erasedConstraint = "erased_accounts_stay_empty"

  /// In two transactions: the first makes sure that nothing is added any more, and waits for what
  /// is being added; were it one, each could wait for the other.
  func eraseAccount(
    _ account: UserID, receipt: @Sendable (DestroyedKeys) -> Receipt
  ) async throws(VaultError) -> DestroyedKeys {
    try await transaction { transaction in
      try await transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(\(account.text), 0))")
      try await transaction.execute(
        """
        INSERT INTO erased_accounts (account_id) VALUES (\(account.uuid)) ON CONFLICT DO NOTHING
        """)
    }
    return try await transaction { transaction in
      let configs = try await transaction.execute(
        "DELETE FROM provider_configs WHERE user_id = \(account.uuid)")
      // Whoever was changing a configuration has committed: its row was waited for.
      try await transaction.execute(
        "DELETE FROM former_keys WHERE user_id = \(account.uuid)")
      try await transaction.execute(
        "DELETE FROM key_notices WHERE user_id = \(account.uuid)")
      let dataKeys = try await transaction.execute(
        "DELETE FROM data_keys WHERE user_id = \(account.uuid)")
      let destroyed = DestroyedKeys(configCount: configs, dataKeyCount: dataKeys)
      let isFirst = try await transaction.execute(
        """
        UPDATE erased_accounts SET erase_time = now()
         WHERE account_id = \(account.uuid) AND erase_time IS NULL
        """)
      if isFirst == 1 { try await outbox.insert(receipt(destroyed), in: transaction) }
      return destroyed
    }
  }
}
