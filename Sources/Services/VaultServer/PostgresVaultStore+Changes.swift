import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import Vault

/// What writes, each with its receipt in the same transaction.
extension PostgresVaultStore {
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
    try await transaction { transaction in
      // Locks the user's key row too, which makes the count below exact.
      try await Self.countSeals(
        stored.sealedBaseURL == nil ? 1 : 2, with: stored.dataKey, in: transaction)
      try await Self.insert(stored, configsMax: configsMax, in: transaction)
      try await outbox.insert(receipt, in: transaction)
    }
  }

  /// Behind `countSeals`, whose lock makes the count exact.
  static func insert(
    _ stored: StoredConfig, configsMax: Int, in transaction: PostgresTransaction
  ) async throws {
    let config = stored.config
    let inserted = try await naming(config) { () throws(PostgresError) in
      try await transaction.execute(
        """
        INSERT INTO provider_configs
               (id, user_id, provider, label, masked_key, origin, base_url_hint, api_key,
                base_url, data_key_id, enabled, create_time, update_time, last_use_time, version,
                key_version, quarantine_time, note, tags, expire_time, remind_time)
        SELECT \(config.id), \(config.userID.uuid), \(config.provider), \(config.label.text),
               \(config.maskedKey.text), \(config.origin), \(config.baseURLHint),
               \(stored.sealedKey.stored), \(stored.sealedBaseURL?.stored),
               \(stored.dataKey.id), \(config.enabled), \(config.createTime),
               \(config.updateTime), \(config.lastUseTime), \(config.version),
               \(config.keyVersion), \(config.quarantineTime), \(config.notes.note),
               \(config.notes.tags), \(config.notes.expireTime), \(config.notes.remindTime)
         WHERE (SELECT count(*) FROM provider_configs AS c
                 WHERE c.user_id = \(config.userID.uuid)) < \(configsMax)
        """)
    }
    guard inserted == 1 else { throw VaultError.tooManyConfigs(max: configsMax) }
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
      case .update(let changed, let sealCount, let former, let restored):
        config = changed.config
        if let restored { try await Self.deleteFormerKey(restored, of: userID, in: transaction) }
        if let former { try await Self.keep(former, in: transaction) }
        if sealCount > 0 {
          try await Self.countSeals(sealCount, with: changed.dataKey, in: transaction)
        }
        try await Self.update(changed, in: transaction)
      case .nothing: return stored.config
      case .delete(let former):
        config = stored.config
        if let former { try await Self.keep(former, in: transaction) }
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
               consecutive_refusals = \(config.health?.consecutiveRefusals ?? 0),
               last_good_time = \(config.health?.lastGoodTime),
               last_failure_time = \(config.health?.lastFailureTime),
               last_failure = \(config.health?.lastFailure?.rawValue),
               consecutive_failures = \(config.health?.consecutiveFailures ?? 0),
               version = \(config.version), key_version = \(config.keyVersion),
               quarantine_time = \(config.quarantineTime), note = \(config.notes.note),
               tags = \(config.notes.tags), expire_time = \(config.notes.expireTime),
               remind_time = \(config.notes.remindTime),
               second_role = \(config.secondKey?.role.rawValue),
               second_masked_key = \(config.secondKey?.maskedKey.text),
               second_key = \(stored.sealedSecondKey?.stored),
               second_key_version = \(config.secondKey?.keyVersion),
               second_end_time = \(config.secondKey?.endTime),
               fallback_time = \(config.fallbackTime)
         WHERE id = \(config.id) AND user_id = \(config.userID.uuid)
        """)
    }
  }

  /// Counts uses of a data key; its table refuses more than AES-GCM allows. Throws
  /// `.dataKeyReplaced` when it seals no new fields any more.
  static func countSeals(
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
  static func naming(
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
