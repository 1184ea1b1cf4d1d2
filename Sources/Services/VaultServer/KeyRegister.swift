import FoundationEssentials
import Postgres
import Vault

/// Knows which master keys the database's data keys are wrapped with.
struct KeyRegister: Sendable {
  let postgres: PostgresClient

  /// Data keys that a start tries to open.
  private static let samplesMax = 10

  /// Refuses a keyring that can't open the newest data keys, then registers its current key.
  ///
  /// Returns the ids of older keys that are still in use and that the keyring lacks.
  func check(_ keyring: Keyring) async throws -> [String] {
    let inUse = try await keysInUse()
    if let newest = inUse.first, !keyring.holds(newest) {
      throw KeyRegisterError.newestKeyMissing(needed: newest, current: keyring.currentID)
    }
    for keyID in inUse where keyring.holds(keyID) { try await sample(keyID, with: keyring) }
    try await enter(keyring)
    return inUse.filter { !keyring.holds($0) }
  }

  /// Refuses a keyring that lacks a key which something is wrapped with, then registers its current
  /// key: for a vault that runs and would lose what it can open.
  func accept(_ keyring: Keyring) async throws {
    if let needed = try await keysInUse().first(where: { !keyring.holds($0) }) {
      throw KeyRegisterError.keyStillNeeded(needed)
    }
    try await enter(keyring)
  }

  /// Opens some data keys; a damaged one among good ones is its user's misfortune, but when none
  /// opens, this is not what the database belongs to.
  private func sample(_ keyID: String, with keyring: Keyring) async throws {
    let samples = try await postgres.all(
      """
      SELECT k.id AS key_id, k.user_id AS key_user_id, k.kek_id, k.wrapped
        FROM data_keys AS k WHERE k.kek_id = \(keyID)
       ORDER BY k.create_time DESC, k.id DESC LIMIT \(Self.samplesMax)
      """, as: WrappedDataKey.init(_:))
    guard samples.isEmpty || samples.contains(where: keyring.opens) else {
      throw KeyRegisterError.nothingOpens(keyID: keyID, tried: samples.count)
    }
  }

  private func enter(_ keyring: Keyring) async throws(PostgresError) {
    try await postgres.execute(
      """
      INSERT INTO key_encryption_keys (id) VALUES (\(keyring.currentID))
      ON CONFLICT (id) DO NOTHING
      """)
  }

  /// Says that the vault `instance` runs and holds these keys, the current one first.
  func note(_ keyIDs: [String], of instance: UUID) async throws(PostgresError) {
    try await postgres.execute(
      """
      INSERT INTO key_holders (instance, current_kek_id, kek_ids, seen_time)
      VALUES (\(instance), \(keyIDs.first ?? ""), \(keyIDs), now())
      ON CONFLICT (instance) DO UPDATE
         SET current_kek_id = excluded.current_kek_id, kek_ids = excluded.kek_ids,
             seen_time = excluded.seen_time
      """)
  }

  /// Says that the vault has ended, and clears away those that could not say so.
  func forget(_ instance: UUID) async throws(PostgresError) {
    try await postgres.execute(
      """
      DELETE FROM key_holders
       WHERE instance = \(instance) OR seen_time < now() - interval '1 hour'
      """)
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
  /// A key that was taken away while something is wrapped with it.
  case keyStillNeeded(String)
  /// Data keys that should open with a key that is there, and don't.
  case nothingOpens(keyID: String, tried: Int)

  var description: String {
    switch self {
    case .newestKeyMissing(let needed, let current):
      """
      the stored keys are sealed under master key \(needed), but ENCRYPTION_MASTER_KEY is master \
      key \(current): set it to key \(needed), or add that key to ENCRYPTION_PREVIOUS_MASTER_KEYS
      """
    case .keyStillNeeded(let needed):
      "master key \(needed) is missing, and stored keys are still sealed under it"
    case .nothingOpens(let keyID, let tried):
      """
      none of the \(tried) newest data keys under master key \(keyID) opens: the database is \
      damaged, or not the one that this key belongs to
      """
    }
  }
}
