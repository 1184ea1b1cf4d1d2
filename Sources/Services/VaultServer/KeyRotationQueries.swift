import FoundationEssentials
import Identity
import Postgres
import Vault

/// What is asked without changing anything.
extension PostgresKeyRotationStore {
  func uses() async throws(VaultError) -> [MasterKeyUse] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT e.id, e.create_time, coalesce(used.data_keys, 0) AS data_keys,
               coalesce(used.configs, 0) AS configs
          FROM key_encryption_keys AS e
          LEFT JOIN (
            SELECT d.kek_id, count(DISTINCT d.id) AS data_keys, count(c.id) AS configs
              FROM data_keys AS d LEFT JOIN provider_configs AS c ON c.data_key_id = d.id
             GROUP BY d.kek_id
          ) AS used ON used.kek_id = e.id
         ORDER BY e.create_time, e.id
        """
      ) { (row) throws(PostgresError) in
        MasterKeyUse(
          keyID: try row.decode("id"), dataKeyCount: try row.decode("data_keys"),
          configCount: try row.decode("configs"), createTime: try row.decode("create_time"))
      }
    }
  }

  func holders(silenceMax: Duration) async throws(VaultError) -> [KeyHolder] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT instance, kek_ids, seen_time FROM key_holders
         WHERE seen_time > now() - make_interval(secs => \(silenceMax.inSeconds))
         ORDER BY instance
        """
      ) { (row) throws(PostgresError) in
        KeyHolder(
          instance: try row.decode("instance"), keyIDs: try row.decode("kek_ids"),
          seenTime: try row.decode("seen_time"))
      }
    }
  }

  func latestRotation() async throws(VaultError) -> Rotation? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT \(Self.rotationColumns) FROM key_rotations
         ORDER BY (end_time IS NULL) DESC, end_time DESC LIMIT 1
        """, as: Rotation.init(_:))
    }
  }

  func sealedRowCount() async throws(VaultError) -> Int {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT (SELECT count(*) FROM provider_configs) + (SELECT count(*) FROM former_keys)
        """
      ) {
        (row) throws(PostgresError) in try row.decode(0)
      } ?? 0
    }
  }

  func storedConfigs(after id: UUID?, limit: Int) async throws(VaultError) -> [StoredConfig] {
    var page = PostgresVaultStore.storedConfigs
    if let id { page += " WHERE c.id > \(id)" }
    page += " ORDER BY c.id LIMIT \(limit)"
    return try await query { postgres throws(PostgresError) in
      try await postgres.all(page, as: StoredConfig.init(_:))
    }
  }

  func formerKeys(after id: UUID?, limit: Int) async throws(VaultError) -> [FormerKey] {
    var page = PostgresVaultStore.formerKeys
    if let id { page += " WHERE c.id > \(id)" }
    page += " ORDER BY c.id LIMIT \(limit)"
    return try await query { postgres throws(PostgresError) in
      try await postgres.all(page, as: FormerKey.init(_:))
    }
  }

  func users(
    withDataKeysBefore time: Date, after user: UserID?, limit: Int
  ) async throws(VaultError) -> [UserID] {
    var page: PostgresQuery = """
      SELECT DISTINCT user_id FROM data_keys WHERE create_time < \(time)
      """
    if let user { page += " AND user_id > \(user.uuid)" }
    page += " ORDER BY user_id LIMIT \(limit)"
    return try await query { postgres throws(PostgresError) in
      try await postgres.all(page) { (row) throws(PostgresError) in
        UserID(try row.decode("user_id"))
      }
    }
  }
}
