import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import Vault

/// Keys that configurations had before, and what owners are to be told of keys.
extension PostgresVaultStore {
  // MARK: Former keys

  /// Former keys with what opening them needs: each is a configuration as it was.
  static let formerKeys: PostgresQuery = """
    SELECT c.id AS former_id, c.config_id AS id, \(formerColumns), k.id AS key_id,
           k.user_id AS key_user_id, k.kek_id, k.wrapped, '' AS revision
      FROM former_keys AS c
      JOIN data_keys AS k ON k.id = c.data_key_id AND k.user_id = c.user_id
    """

  private static let formerColumns: PostgresQuery = """
    c.user_id, c.provider, c.label, c.masked_key, c.origin, c.base_url_hint, c.api_key,
    c.base_url, c.enabled, c.create_time, c.update_time, c.last_use_time, c.version,
    c.key_version, c.quarantine_time, c.note, c.tags, c.expire_time, c.remind_time, c.end_time,
    c.destroy_time, c.is_deletion, NULL::text AS second_role, NULL::bytea AS second_key,
    NULL::timestamptz AS fallback_time
    """

  func formerKeys(
    of configID: UUID, _ userID: UserID
  ) async throws(VaultError) -> [FormerKey] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        \(Self.formerKeys)
         WHERE c.user_id = \(userID.uuid) AND c.config_id = \(configID)
         ORDER BY c.end_time DESC, c.id
        """, as: FormerKey.init(_:))
    }
  }

  func formerKey(_ id: UUID, of userID: UserID) async throws(VaultError) -> FormerKey? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        "\(Self.formerKeys) WHERE c.user_id = \(userID.uuid) AND c.id = \(id)",
        as: FormerKey.init(_:))
    }
  }

  func deletedConfigs(
    of userID: UserID, limit: Int
  ) async throws(VaultError) -> [FormerKey] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        \(Self.formerKeys)
         WHERE c.user_id = \(userID.uuid) AND c.is_deletion
         ORDER BY c.end_time DESC, c.id LIMIT \(limit)
        """, as: FormerKey.init(_:))
    }
  }

  func undelete(
    _ deleted: FormerKey, configsMax: Int, receipt: Receipt
  ) async throws(VaultError) {
    let stored = deleted.stored
    try await transaction { transaction in
      try await Self.countSeals(
        stored.sealedBaseURL == nil ? 1 : 2, with: stored.dataKey, in: transaction)
      try await Self.deleteFormerKey(deleted.id, of: stored.config.userID, in: transaction)
      try await Self.insert(stored, configsMax: configsMax, in: transaction)
      try await outbox.insert(receipt, in: transaction)
    }
  }

  func destroyFormerKeys(
    endedAt time: Date, limit: Int, _ receipt: @escaping @Sendable (FormerKey) -> Receipt
  ) async throws(VaultError) -> Int {
    try await transaction { transaction in
      let ended = try await transaction.all(
        """
        \(Self.formerKeys)
         WHERE c.destroy_time <= \(time)
         ORDER BY c.destroy_time LIMIT \(limit) FOR UPDATE OF c SKIP LOCKED
        """, as: FormerKey.init(_:))
      guard !ended.isEmpty else { return 0 }
      try await transaction.execute(
        "DELETE FROM former_keys WHERE id = ANY(\(ended.map(\.id)))")
      try await outbox.insert(ended.map(receipt), in: transaction)
      return ended.count
    }
  }

  /// Keeps a key that its configuration loses, and so many of the configuration's others as there
  /// may be.
  static func keep(
    _ former: FormerKey, in transaction: PostgresTransaction
  ) async throws {
    let (stored, config) = (former.stored, former.stored.config)
    try await transaction.execute(
      """
      INSERT INTO former_keys
             (id, config_id, user_id, provider, label, masked_key, origin, base_url_hint, api_key,
              base_url, data_key_id, enabled, create_time, update_time, last_use_time, version,
              key_version, quarantine_time, note, tags, expire_time, remind_time, end_time,
              destroy_time, is_deletion)
      VALUES (\(former.id), \(config.id), \(config.userID.uuid), \(config.provider),
              \(config.label.text), \(config.maskedKey.text), \(config.origin),
              \(config.baseURLHint), \(stored.sealedKey.stored), \(stored.sealedBaseURL?.stored),
              \(stored.dataKey.id), \(config.enabled), \(config.createTime),
              \(config.updateTime), \(config.lastUseTime), \(config.version),
              \(config.keyVersion), \(config.quarantineTime), \(config.notes.note),
              \(config.notes.tags), \(config.notes.expireTime), \(config.notes.remindTime),
              \(former.endTime), \(former.destroyTime), \(former.isDeletion))
      """)
    try await transaction.execute(
      """
      DELETE FROM former_keys
       WHERE id IN (SELECT f.id FROM former_keys AS f
                     WHERE f.user_id = \(config.userID.uuid) AND f.config_id = \(config.id)
                       AND NOT f.is_deletion
                     ORDER BY f.end_time DESC, f.id OFFSET \(FormerKey.perConfigMax))
      """)
    guard former.isDeletion else { return }
    try await transaction.execute(
      """
      DELETE FROM former_keys
       WHERE user_id = \(config.userID.uuid)
         AND config_id IN (SELECT f.config_id FROM former_keys AS f
                            WHERE f.user_id = \(config.userID.uuid) AND f.is_deletion
                            ORDER BY f.end_time DESC, f.id OFFSET \(FormerKey.deletedMax))
      """)
  }

  /// Throws `.notFound` when it is one no more.
  static func deleteFormerKey(
    _ id: UUID, of userID: UserID, in transaction: PostgresTransaction
  ) async throws {
    let deleted = try await transaction.execute(
      "DELETE FROM former_keys WHERE id = \(id) AND user_id = \(userID.uuid)")
    guard deleted == 1 else { throw VaultError.notFound }
  }

  /// All of a user's, locked, for sealing anew; nil while one of them is being changed.
  static func lockedFormerKeys(
    of user: UserID, in transaction: PostgresTransaction
  ) async throws -> [FormerKey]? {
    let count: Int? = try await transaction.first(
      "SELECT count(*) FROM former_keys WHERE user_id = \(user.uuid)"
    ) { (row) throws(PostgresError) in try row.decode(0) }
    let locked = try await transaction.all(
      """
      \(formerKeys) WHERE c.user_id = \(user.uuid) ORDER BY c.id FOR UPDATE OF c SKIP LOCKED
      """, as: FormerKey.init(_:))
    return locked.count == count ? locked : nil
  }

  /// Puts a field that was sealed anew in its place.
  static func write(
    _ former: FormerKey, in transaction: PostgresTransaction
  ) async throws -> FormerKey {
    try await transaction.execute(
      """
      UPDATE former_keys
         SET api_key = \(former.stored.sealedKey.stored),
             base_url = \(former.stored.sealedBaseURL?.stored),
             data_key_id = \(former.stored.dataKey.id)
       WHERE id = \(former.id) AND user_id = \(former.stored.config.userID.uuid)
      """)
    let written = try await transaction.first(
      "\(formerKeys) WHERE c.id = \(former.id)", as: FormerKey.init(_:))
    guard let written else {
      throw VaultError.storage(detail: "former key \(former.id) vanished under its lock")
    }
    return written
  }

  // MARK: Second keys

  func endOverlaps(
    at time: Date, limit: Int, _ receipt: @escaping @Sendable (ProviderConfig) -> Receipt
  ) async throws(VaultError) -> Int {
    try await transaction { transaction in
      let ended = try await transaction.all(
        """
        SELECT \(Self.plainColumns) FROM provider_configs AS c
         WHERE c.second_end_time <= \(time)
         ORDER BY c.second_end_time LIMIT \(limit) FOR UPDATE OF c SKIP LOCKED
        """, as: ProviderConfig.init(_:))
      guard !ended.isEmpty else { return 0 }
      try await transaction.execute(
        """
        UPDATE provider_configs
           SET second_role = NULL, second_masked_key = NULL, second_key = NULL,
               second_key_version = NULL, second_end_time = NULL, fallback_time = NULL
         WHERE id = ANY(\(ended.map(\.id)))
        """)
      try await outbox.insert(ended.map(receipt), in: transaction)
      return ended.count
    }
  }

  // MARK: Notices

  func announceDates(
    at time: Date, limit: Int,
    _ notice: @escaping @Sendable (ProviderConfig, KeyNotice.Kind) -> KeyNotice
  ) async throws(VaultError) -> Int {
    try await transaction { transaction in
      let reminders = try await transaction.all(
        """
        UPDATE provider_configs AS c SET remind_told = c.remind_time
          FROM (SELECT d.id FROM provider_configs AS d
                 WHERE d.remind_time <= \(time) AND d.remind_told IS DISTINCT FROM d.remind_time
                 ORDER BY d.remind_time LIMIT \(limit) FOR UPDATE SKIP LOCKED) AS due
         WHERE c.id = due.id
        RETURNING \(Self.plainColumns)
        """, as: ProviderConfig.init(_:))
      let ends = try await transaction.all(
        """
        UPDATE provider_configs AS c SET expire_told = c.expire_time
          FROM (SELECT d.id FROM provider_configs AS d
                 WHERE d.expire_time <= \(time) AND d.expire_told IS DISTINCT FROM d.expire_time
                 ORDER BY d.expire_time LIMIT \(limit) FOR UPDATE SKIP LOCKED) AS due
         WHERE c.id = due.id
        RETURNING \(Self.plainColumns)
        """, as: ProviderConfig.init(_:))
      try await Self.insert(
        reminders.map { notice($0, .reminder) } + ends.map { notice($0, .expired) },
        in: transaction)
      return max(reminders.count, ends.count)
    }
  }

  static func insert(
    _ notices: [KeyNotice], in transaction: PostgresTransaction
  ) async throws(PostgresError) {
    for notice in notices {
      try await transaction.execute(
        """
        INSERT INTO key_notices (id, user_id, kind, config_id, name, create_time)
        VALUES (\(notice.id), \(notice.userID.uuid), \(notice.kind.rawValue),
                \(notice.configID), \(notice.name), \(notice.time))
        """)
    }
  }

  func takeNotices(limit: Int, lease: Duration) async throws(VaultError) -> [KeyNotice] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        UPDATE key_notices AS n
           SET retry_time = now() + make_interval(secs => \(lease / .seconds(1)))
          FROM (SELECT id FROM key_notices
                 WHERE retry_time <= now()
                   AND kind = ANY(\(KeyNotice.Kind.allCases.map(\.rawValue)))
                 ORDER BY retry_time, create_time LIMIT \(limit)
                   FOR UPDATE SKIP LOCKED) AS due
         WHERE n.id = due.id
        RETURNING n.id, n.user_id, n.kind, n.config_id, n.name, n.create_time
        """
      ) { (row) throws(PostgresError) in
        let kind: String = try row.decode("kind")
        return KeyNotice(
          id: try row.decode("id"), of: UserID(try row.decode("user_id")),
          // The statement asks for those of this version only.
          KeyNotice.Kind(rawValue: kind) ?? .reminder, about: try row.decode("config_id"),
          name: try row.decode("name"), at: try row.decode("create_time"))
      }
    }
  }

  func deleteNotices(_ ids: [UUID]) async throws(VaultError) {
    _ = try await query { postgres throws(PostgresError) in
      try await postgres.execute("DELETE FROM key_notices WHERE id = ANY(\(ids))")
    }
  }
}

extension FormerKey {
  init(_ row: PostgresRow) throws(PostgresError) {
    var stored = try StoredConfig(row)
    stored.config = try ProviderConfig(noted: row)
    self.init(
      id: try row.decode("former_id"), stored: stored, endTime: try row.decode("end_time"),
      destroyTime: try row.decode("destroy_time"), isDeletion: try row.decode("is_deletion"))
  }
}
