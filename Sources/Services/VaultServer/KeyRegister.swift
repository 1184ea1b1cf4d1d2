import Postgres
import Vault

/// Knows which master keys the database's data keys are wrapped with.
struct KeyRegister: Sendable {
  let postgres: PostgresClient

  /// Refuses a keyring that can't open the newest data keys, then registers its current key.
  ///
  /// Returns the ids of older keys that are still in use and that the keyring lacks.
  func check(_ keyring: Keyring) async throws -> [String] {
    let inUse = try await keysInUse()
    if let newest = inUse.first, !keyring.holds(newest) {
      throw KeyRegisterError.newestKeyMissing(needed: newest, current: keyring.currentID)
    }
    try await postgres.execute(
      """
      INSERT INTO key_encryption_keys (id) VALUES (\(keyring.currentID))
      ON CONFLICT (id) DO NOTHING
      """)
    return inUse.filter { !keyring.holds($0) }
  }

  /// Newest first, by the newest data key of each.
  private func keysInUse() async throws(PostgresError) -> [String] {
    try await postgres.all(
      """
      SELECT e.id
        FROM key_encryption_keys AS e
        JOIN LATERAL (
          SELECT d.create_time FROM data_keys AS d
           WHERE d.kek_id = e.id ORDER BY d.create_time DESC LIMIT 1
        ) AS newest ON true
       ORDER BY newest.create_time DESC, e.create_time DESC
      """
    ) { (row) throws(PostgresError) in try row.decode("id") }
  }
}

/// Why the vault must not start with the keys it was given.
enum KeyRegisterError: Error, Hashable, CustomStringConvertible {
  case newestKeyMissing(needed: String, current: String)

  var description: String {
    switch self {
    case .newestKeyMissing(let needed, let current):
      """
      the stored keys are sealed under master key \(needed), but ENCRYPTION_MASTER_KEY is master \
      key \(current): set it to key \(needed), or add that key to ENCRYPTION_PREVIOUS_MASTER_KEYS
      """
    }
  }
}
