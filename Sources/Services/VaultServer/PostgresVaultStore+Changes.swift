import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import Vault

/// What writes, each with its receipt in the same transaction.
extension PostgresVaultStore {
  /// What a provider says again is noted again when it is older than this.
  private static let healthPrecisionSeconds = 60.0
  private static let labelConstraint = "provider_configs_label"

  func adopt(
    _ dataKey: WrappedDataKey, inPlaceOf unusable: WrappedDataKey?
  ) async throws(VaultError) -> WrappedDataKey {
    try await transaction { transaction in
      try await transaction.execute(
        """
        UPDATE data_keys SET active = false
         WHERE user_id = \(dataKey.userID.uuid) AND active
           AND (seal_count >= \(DataKeyLimit.sealsMax) OR id = \(unusable?.id))
        """)
      try await transaction.execute(
        """
        INSERT INTO data_keys (id, user_id, kek_id, wrapped)
        VALUES (\(dataKey.id), \(dataKey.userID.uuid), \(dataKey.keyEncryptionKeyID),
                \(dataKey.wrapped))
        ON CONFLICT (user_id) WHERE active DO NOTHING
        """)
    } refusal: { error in
      error.isForeignKeyViolation(constraint: Self.erasedConstraint) ? .accountErased : nil
    }
    // Whoever came first: two calls of a new user may both have made a key.
    guard let adopted = try await self.dataKey(of: dataKey.userID) else {
      throw .storage(detail: "the data key of user \(dataKey.userID.text) vanished")
    }
    return adopted
  }

  func insert(
    _ stored: StoredConfig, configsMax: Int, receipt: Receipt
  ) async throws(VaultError) {
    let config = stored.config
    try await transaction { transaction in
      // Locks the user's key row too, which makes the count below exact.
      try await Self.countSeals(
        stored.sealedBaseURL == nil ? 1 : 2, with: stored.dataKey, in: transaction)
      let inserted = try await Self.naming(config) { () throws(PostgresError) in
        try await transaction.execute(
          """
          INSERT INTO provider_configs
                 (id, user_id, provider, label, masked_key, origin, base_url_hint, api_key,
                  base_url, data_key_id, enabled, create_time, update_time)
          SELECT \(config.id), \(config.userID.uuid), \(config.provider), \(config.label.text),
                 \(config.maskedKey.text), \(config.origin), \(config.baseURLHint),
                 \(stored.sealedKey.stored), \(stored.sealedBaseURL?.stored),
                 \(stored.dataKey.id), \(config.enabled), \(config.createTime),
                 \(config.updateTime)
           WHERE (SELECT count(*) FROM provider_configs AS c
                   WHERE c.user_id = \(config.userID.uuid)) < \(configsMax)
          """)
      }
      guard inserted == 1 else { throw VaultError.tooManyConfigs }
      try await outbox.insert(receipt, in: transaction)
    }
  }

  func change(
    _ id: UUID, of userID: UserID,
    _ decide:
      @escaping @Sendable (StoredConfig, WrappedDataKey) throws(VaultError) -> ConfigChange
  ) async throws(VaultError) -> ProviderConfig {
    try await transaction { transaction in
      // Locked first and read afterwards: a statement that waits for a row sees the others as they
      // were before, and so not the data key that a rotation has given it meanwhile.
      _ = try await transaction.first(
        """
        SELECT id FROM provider_configs
         WHERE id = \(id) AND user_id = \(userID.uuid) FOR UPDATE
        """
      ) { (row) throws(PostgresError) in try row.decode("id", as: UUID.self) }
      let stored = try await transaction.first(
        "\(Self.storedShownConfigs) WHERE c.id = \(id) AND c.user_id = \(userID.uuid)",
        as: StoredConfig.init(shown:))
      guard let stored else { throw VaultError.notFound }
      let dataKey = try await transaction.first(
        """
        SELECT k.id AS key_id, k.user_id AS key_user_id, k.kek_id, k.wrapped
          FROM data_keys AS k WHERE k.user_id = \(userID.uuid) AND k.active
        """, as: WrappedDataKey.init(_:))
      let change = try decide(stored, dataKey ?? stored.dataKey)
      let config: ProviderConfig
      switch change.action {
      case .update(let changed, let sealCount):
        config = changed.config
        if sealCount > 0 {
          try await Self.countSeals(sealCount, with: changed.dataKey, in: transaction)
        }
        try await Self.update(changed, in: transaction)
      case .nothing: return stored.config
      case .delete:
        config = stored.config
        try await transaction.execute(
          "DELETE FROM provider_configs WHERE id = \(id) AND user_id = \(userID.uuid)")
      }
      try await outbox.insert(change.receipt, in: transaction)
      return config
    }
  }

  private static func update(
    _ stored: StoredConfig, in transaction: PostgresTransaction
  ) async throws {
    let config = stored.config
    try await naming(config) { () throws(PostgresError) in
      try await transaction.execute(
        """
        UPDATE provider_configs
           SET label = \(config.label.text), masked_key = \(config.maskedKey.text),
               origin = \(config.origin), base_url_hint = \(config.baseURLHint),
               api_key = \(stored.sealedKey.stored), base_url = \(stored.sealedBaseURL?.stored),
               data_key_id = \(stored.dataKey.id), enabled = \(config.enabled),
               update_time = \(config.updateTime),
               last_status = \(config.health?.lastStatus),
               last_answer_time = \(config.health?.lastAnswerTime),
               consecutive_refusals = \(config.health?.consecutiveRefusals ?? 0)
         WHERE id = \(config.id) AND user_id = \(config.userID.uuid)
        """)
    }
  }

  /// Notes what providers said to keys, all of it at `time`. One that says the same as a moment ago
  /// is left as it is, and one that is being changed is skipped: its next use will be noted.
  static func note(
    _ health: [KeyHealthChange], at time: Date, in transaction: PostgresTransaction
  ) async throws(PostgresError) {
    guard !health.isEmpty else { return }
    try await transaction.execute(
      """
      WITH told AS (
        SELECT t.* FROM unnest(\(health.map(\.configID)), \(health.map(\.userID.uuid)),
                               \(health.map(\.status)), \(health.map(\.refusals)),
                               \(health.map(\.isAccepted)))
                     AS t (id, user_id, status, refusals, is_accepted)
      ), noted AS (
        SELECT c.id FROM provider_configs AS c JOIN told AS t USING (id, user_id)
         WHERE c.last_status IS DISTINCT FROM t.status OR t.refusals > 0
            OR c.last_answer_time < \(time.addingTimeInterval(-healthPrecisionSeconds))
           FOR UPDATE OF c SKIP LOCKED
      )
      UPDATE provider_configs AS c
         SET last_status = t.status, last_answer_time = \(time),
             consecutive_refusals =
               CASE WHEN t.is_accepted THEN 0 ELSE c.consecutive_refusals END + t.refusals
        FROM told AS t JOIN noted USING (id) WHERE c.id = t.id AND c.user_id = t.user_id
      """)
  }

  /// Counts uses of a data key; its table refuses more than AES-GCM allows. Throws
  /// `.dataKeyReplaced` when it seals no new fields any more.
  private static func countSeals(
    _ count: Int, with dataKey: WrappedDataKey, in transaction: PostgresTransaction
  ) async throws {
    let counted = try await transaction.execute(
      """
      UPDATE data_keys SET seal_count = seal_count + \(count)
       WHERE id = \(dataKey.id) AND user_id = \(dataKey.userID.uuid) AND active
      """)
    guard counted == 1 else { throw VaultError.dataKeyReplaced }
  }

  /// Turns the refusal of a second configuration with the same label into its own error.
  @discardableResult
  private static func naming(
    _ config: ProviderConfig, _ body: () async throws(PostgresError) -> Int
  ) async throws(VaultError) -> Int {
    do {
      return try await body()
    } catch {
      if error.isForeignKeyViolation(constraint: erasedConstraint) { throw .accountErased }
      throw error.isUniqueViolation(constraint: labelConstraint)
        ? .alreadyExists(provider: config.provider, label: config.label) : VaultError(error)
    }
  }
}
