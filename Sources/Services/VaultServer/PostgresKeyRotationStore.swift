import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import Vault

/// Master keys, who holds them, and their rotation, in the vault's tables.
struct PostgresKeyRotationStore: KeyRotationStore, PostgresStore {
  typealias Failure = VaultError

  /// Of one batch: a lock that a change of a user holds may make it wait.
  private static let batchTimeout: Duration = .seconds(30)
  private static let attemptsMax = 5

  let postgres: PostgresClient
  let outbox: PostgresOutbox

  static let rotationColumns: PostgresQuery = """
    id, kind, kek_id, start_time, end_time, rows_total, rows_done, rows_failed, lease_time
    """

  // MARK: Beginning and ending

  func begin(
    _ kind: RotationKind, to keyID: String, _ lease: RotationLease
  ) async throws(VaultError) -> Rotation {
    try await transaction { transaction in
      // Two that begin at once meet here.
      try await transaction.execute("LOCK TABLE key_rotations IN SHARE ROW EXCLUSIVE MODE")
      let running = try await transaction.first(
        """
        SELECT \(Self.rotationColumns), lease_time > now() AS is_held FROM key_rotations
         WHERE end_time IS NULL
        """
      ) { (row) throws(PostgresError) in
        (rotation: try Rotation(row), isHeld: try row.decode("is_held", as: Bool.self))
      }
      if let running {
        guard !running.isHeld else {
          throw VaultError.rotationRunning(until: running.rotation.leaseTime)
        }
        if running.rotation.kind == kind, running.rotation.keyID == keyID {
          return try await Self.takeOver(running.rotation, lease, in: transaction)
        }
        try await transaction.execute(
          "UPDATE key_rotations SET end_time = now() WHERE end_time IS NULL")
      }
      return try await Self.insert(kind, to: keyID, lease, in: transaction)
    }
  }

  private static func takeOver(
    _ rotation: Rotation, _ lease: RotationLease, in transaction: PostgresTransaction
  ) async throws -> Rotation {
    let rotation = try await transaction.first(
      """
      UPDATE key_rotations
         SET runner = \(lease.run), rows_failed = 0,
             rows_total = rows_done + \(rowsLeft(rotation.kind, rotation.keyID,
             before: rotation.startTime)),
             lease_time = now() + make_interval(secs => \(lease.duration.inSeconds))
       WHERE id = \(rotation.id)
       RETURNING \(rotationColumns)
      """, as: Rotation.init(_:))
    guard let rotation else { throw VaultError.rotationTaken }
    return rotation
  }

  private static func insert(
    _ kind: RotationKind, to keyID: String, _ lease: RotationLease,
    in transaction: PostgresTransaction
  ) async throws -> Rotation {
    let rotation = try await transaction.first(
      """
      INSERT INTO key_rotations (id, kind, kek_id, start_time, rows_total, runner, lease_time)
      SELECT \(UUID()), \(kind.rawValue), \(keyID), now(), \(rowsLeft(kind, keyID, before: nil)),
             \(lease.run), now() + make_interval(secs => \(lease.duration.inSeconds))
      RETURNING \(rotationColumns)
      """, as: Rotation.init(_:))
    guard let rotation else { throw VaultError.storage(detail: "no rotation was inserted") }
    return rotation
  }

  /// How much a rotation has before it.
  private static func rowsLeft(
    _ kind: RotationKind, _ keyID: String, before time: Date?
  ) -> PostgresQuery {
    switch kind {
    case .rewrap: "(SELECT count(*) FROM data_keys WHERE kek_id <> \(keyID))"
    case .reseal:
      if let time {
        "(SELECT count(DISTINCT user_id) FROM data_keys WHERE create_time < \(time))"
      } else {
        "(SELECT count(DISTINCT user_id) FROM data_keys)"
      }
    }
  }

  func end(
    _ lease: RotationLease, rowsFailed: Int, receipt: Receipt
  ) async throws(VaultError) -> Rotation {
    try await transaction { transaction in
      let rotation = try await transaction.first(
        """
        UPDATE key_rotations
           SET end_time = now(), lease_time = now(), rows_failed = \(rowsFailed)
         WHERE runner = \(lease.run) AND end_time IS NULL
         RETURNING \(Self.rotationColumns)
        """, as: Rotation.init(_:))
      guard let rotation else { throw VaultError.rotationTaken }
      try await outbox.insert(receipt, in: transaction)
      return rotation
    }
  }

  func release(_ lease: RotationLease) async throws(VaultError) {
    try await query { postgres throws(PostgresError) in
      try await postgres.execute(
        """
        UPDATE key_rotations SET lease_time = now()
         WHERE runner = \(lease.run) AND end_time IS NULL
        """)
    }
  }

  // MARK: Working

  func rewrap(
    from source: String, after position: DataKeyPosition?, limit: Int, _ lease: RotationLease,
    _ rewrap: @escaping @Sendable (WrappedDataKey) -> WrappedDataKey?,
    check:
      @escaping @Sendable (_ old: WrappedDataKey, _ new: WrappedDataKey) throws(VaultError) ->
      Void
  ) async throws(VaultError) -> RotationStep {
    var batch: PostgresQuery = """
      SELECT k.id AS key_id, k.user_id AS key_user_id, k.kek_id, k.wrapped, k.create_time
        FROM data_keys AS k
       WHERE k.kek_id = \(source)
      """
    if let position {
      batch += " AND (k.create_time, k.id) > (\(position.time), \(position.id))"
    }
    // Weaker than FOR UPDATE: configurations that refer to the key may come and go meanwhile.
    batch += " ORDER BY k.create_time, k.id LIMIT \(limit) FOR NO KEY UPDATE"
    let selection = batch
    return try await working { transaction in
      let found = try await transaction.all(selection) { (row) throws(PostgresError) in
        (key: try WrappedDataKey(row), time: try row.decode("create_time", as: Date.self))
      }
      let pairs = found.map { ($0.key, rewrap($0.key)) }
      let old = Dictionary(pairs.map { ($0.0.id, $0.0) }) { first, _ in first }
      let new = pairs.compactMap(\.1)
      let written = try await transaction.all(
        """
        UPDATE data_keys AS k SET kek_id = t.kek_id, wrapped = t.wrapped
          FROM unnest(\(new.map(\.id)), \(new.map(\.keyEncryptionKeyID)),
                      \(ByteArrays(new.map(\.wrapped)))) AS t (id, kek_id, wrapped)
         WHERE k.id = t.id
         RETURNING k.id AS key_id, k.user_id AS key_user_id, k.kek_id, k.wrapped
        """, as: WrappedDataKey.init(_:))
      for key in written {
        guard let before = old[key.id] else { continue }
        try check(before, key)
      }
      try await Self.advance(by: written.count, lease, in: transaction)
      return RotationStep(
        next: found.count < limit
          ? nil : found.last.map { DataKeyPosition(time: $0.time, id: $0.key.id) },
        rowsDone: written.count, failed: pairs.filter { $0.1 == nil }.map(\.0.id))
    }
  }

  func reseal(
    _ user: UserID, with dataKey: WrappedDataKey, insteadOfKeysBefore time: Date,
    _ lease: RotationLease,
    _ reseal: @escaping @Sendable (StoredConfig) throws(VaultError) -> StoredConfig,
    check: @escaping @Sendable (_ old: StoredConfig, _ new: StoredConfig) throws(VaultError) -> Void
  ) async throws(VaultError) -> ResealOutcome {
    try await working { transaction in
      // Whoever stores a key counts it on this row first, so from here on nobody adds one.
      _ = try await transaction.all(
        """
        SELECT id FROM data_keys WHERE user_id = \(user.uuid) ORDER BY id FOR NO KEY UPDATE
        """
      ) { (row) throws(PostgresError) in try row.decode("id", as: UUID.self) }
      guard let old = try await Self.lockedConfigs(of: user, in: transaction),
        let formerKeys = try await PostgresVaultStore.lockedFormerKeys(of: user, in: transaction)
      else { return .busy }
      try await transaction.execute(
        "UPDATE data_keys SET active = false WHERE user_id = \(user.uuid) AND active")
      let new = try old.map { (stored) throws(VaultError) in try reseal(stored) }
      let newFormerKeys = try formerKeys.map { (former) throws(VaultError) in
        var former = former
        former.stored = try reseal(former.stored)
        return former
      }
      let sealCount = (new + newFormerKeys.map(\.stored))
        .reduce(0) {
          $0 + 1 + ($1.sealedBaseURL == nil ? 0 : 1) + ($1.sealedSecondKey == nil ? 0 : 1)
        }
      try await transaction.execute(
        """
        INSERT INTO data_keys (id, user_id, kek_id, wrapped, seal_count)
        VALUES (\(dataKey.id), \(user.uuid), \(dataKey.keyEncryptionKeyID),
                \(dataKey.wrapped), \(sealCount))
        """)
      for (before, after) in zip(old, new) {
        try check(before, try await Self.write(after, in: transaction))
      }
      for (before, after) in zip(formerKeys, newFormerKeys) {
        let written = try await PostgresVaultStore.write(after, in: transaction)
        try check(before.stored, written.stored)
      }
      try await transaction.execute(
        """
        DELETE FROM data_keys AS k
         WHERE k.user_id = \(user.uuid) AND k.create_time < \(time) AND NOT k.active
        """)
      try await Self.advance(by: 1, lease, in: transaction)
      return .done
    }
  }

  /// All of a user's configurations, locked; nil while one of them is being changed: who does that
  /// comes to the data key later, and waiting for them with it in hand would be a deadlock.
  private static func lockedConfigs(
    of user: UserID, in transaction: PostgresTransaction
  ) async throws -> [StoredConfig]? {
    let count: Int? = try await transaction.first(
      "SELECT count(*) FROM provider_configs WHERE user_id = \(user.uuid)"
    ) { (row) throws(PostgresError) in try row.decode(0) }
    let locked = try await transaction.all(
      """
      \(PostgresVaultStore.storedConfigs)
       WHERE c.user_id = \(user.uuid) ORDER BY c.id FOR UPDATE OF c SKIP LOCKED
      """, as: StoredConfig.init(_:))
    return locked.count == count ? locked : nil
  }

  /// Returns what the database then holds.
  private static func write(
    _ stored: StoredConfig, in transaction: PostgresTransaction
  ) async throws -> StoredConfig {
    let written = try await transaction.first(
      """
      WITH written AS (
        UPDATE provider_configs
           SET api_key = \(stored.sealedKey.stored), base_url = \(stored.sealedBaseURL?.stored),
               second_key = \(stored.sealedSecondKey?.stored),
               data_key_id = \(stored.dataKey.id)
         WHERE id = \(stored.config.id) AND user_id = \(stored.config.userID.uuid)
         RETURNING *
      )
      SELECT \(PostgresVaultStore.plainColumns), c.api_key, c.base_url, c.second_key,
             k.id AS key_id, k.user_id AS key_user_id, k.kek_id, k.wrapped, '' AS revision
        FROM written AS c JOIN data_keys AS k ON k.id = c.data_key_id
      """, as: StoredConfig.init(_:))
    guard let written else {
      throw VaultError.storage(detail: "configuration \(stored.config.id) vanished under its lock")
    }
    return written
  }

  /// Counts what was done and prolongs the lease, or finds that it is another's.
  private static func advance(
    by count: Int, _ lease: RotationLease, in transaction: PostgresTransaction
  ) async throws {
    let changed = try await transaction.execute(
      """
      UPDATE key_rotations
         SET rows_done = rows_done + \(count),
             lease_time = now() + make_interval(secs => \(lease.duration.inSeconds))
       WHERE runner = \(lease.run) AND end_time IS NULL
      """)
    guard changed == 1 else { throw VaultError.rotationTaken }
  }

  /// A transaction that may be run again when it met another in a deadlock.
  private func working<Value: Sendable>(
    _ body: (PostgresTransaction) async throws -> Value
  ) async throws(VaultError) -> Value {
    do {
      return try await postgres.transaction(
        timeout: Self.batchTimeout, attemptsMax: Self.attemptsMax
      ) { try await body($0) }
    } catch let error as VaultError {
      throw error
    } catch let error as PostgresError {
      throw VaultError(error)
    } catch is CancellationError {
      throw .cancelled
    } catch {
      throw .storage(detail: "\(error)")
    }
  }
}

extension Rotation {
  init(_ row: PostgresRow) throws(PostgresError) {
    let kind: String = try row.decode("kind")
    self.init(
      id: try row.decode("id"), kind: RotationKind(rawValue: kind) ?? .rewrap,
      keyID: try row.decode("kek_id"), startTime: try row.decode("start_time"),
      endTime: try row.decode("end_time"), rowsTotal: try row.decode("rows_total"),
      rowsDone: try row.decode("rows_done"), rowsFailed: try row.decode("rows_failed"),
      leaseTime: try row.decode("lease_time"))
  }
}

extension Duration {
  /// For `make_interval`.
  var inSeconds: Double { self / .seconds(1) }
}
