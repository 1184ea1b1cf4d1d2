import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import UseCases
import Vault

/// The vault's tables. Every query names the user whose rows it may touch.
struct PostgresVaultStore: VaultStore, PostgresStore {
  typealias Failure = VaultError

  let postgres: PostgresClient
  let outbox: PostgresOutbox
  let receipts: ReceiptBatcher

  init(postgres: PostgresClient, outbox: PostgresOutbox) {
    self.postgres = postgres
    self.outbox = outbox
    receipts = ReceiptBatcher(postgres: postgres, outbox: outbox)
  }

  // MARK: Reading

  /// No sealed column.
  static let plainColumns: PostgresQuery = """
    c.id, c.user_id, c.provider, c.label, c.masked_key, c.origin, c.base_url_hint, c.enabled,
    c.create_time, c.update_time, c.last_use_time
    """

  static let healthColumns: PostgresQuery = """
    c.last_status, c.last_answer_time, c.consecutive_refusals
    """

  /// What a list shows.
  static let shownColumns: PostgresQuery = "\(plainColumns), \(healthColumns)"

  /// Names the two rows as they are: who wrote them last. An id of a transaction comes back after
  /// four thousand million others, and nothing remembers a revision for so long.
  static let revision: PostgresQuery = "(c.xmin::text || '.' || k.xmin::text)"

  /// The order of configurations `p`, of which the first is used where no label is given.
  static let preference: PostgresQuery = """
    (p.label = \(Label.default.text)) DESC, p.enabled DESC, p.create_time, p.id
    """

  /// Configurations with what opening their keys needs; the data key is `k`.
  static let storedConfigs = storedConfigs(plainColumns)

  /// The same with what the provider last said.
  static let storedShownConfigs = storedConfigs(shownColumns)

  private static func storedConfigs(_ columns: PostgresQuery) -> PostgresQuery {
    """
    SELECT \(columns), c.api_key, c.base_url, k.id AS key_id, k.user_id AS key_user_id,
           k.kek_id, k.wrapped, \(revision) AS revision
      FROM provider_configs AS c
      JOIN data_keys AS k ON k.id = c.data_key_id AND k.user_id = c.user_id
    """
  }

  func config(_ id: UUID, of userID: UserID) async throws(VaultError) -> ProviderConfig? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT \(Self.shownColumns)
          FROM provider_configs AS c
         WHERE c.id = \(id) AND c.user_id = \(userID.uuid)
        """, as: ProviderConfig.init(shown:))
    }
  }

  func configs(
    of userID: UserID, after position: PagePosition?, limit: Int
  ) async throws(VaultError) -> [ProviderConfig] {
    var page: PostgresQuery = """
      SELECT \(Self.shownColumns)
        FROM provider_configs AS c
       WHERE c.user_id = \(userID.uuid)
      """
    if let position {
      page += " AND (c.create_time, c.id) > (\(position.time), \(position.id))"
    }
    page += " ORDER BY c.create_time, c.id LIMIT \(limit)"
    return try await query { postgres throws(PostgresError) in
      try await postgres.all(page, as: ProviderConfig.init(shown:))
    }
  }

  func storedConfig(
    provider: String, label: Label, of userID: UserID
  ) async throws(VaultError) -> StoredConfig? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        \(Self.storedConfigs)
         WHERE c.user_id = \(userID.uuid) AND c.provider = \(provider)
           AND c.label = \(label.text)
        """, as: StoredConfig.init(_:))
    }
  }

  func storedConfig(
    _ id: UUID, of userID: UserID
  ) async throws(VaultError) -> StoredConfig? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        \(Self.storedConfigs)
         WHERE c.id = \(id) AND c.user_id = \(userID.uuid)
        """, as: StoredConfig.init(_:))
    }
  }

  func storedConfigs(
    maskedLike mask: MaskedKey, of userID: UserID, limit: Int
  ) async throws(VaultError) -> [StoredConfig] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        \(Self.storedConfigs)
         WHERE c.user_id = \(userID.uuid)
           AND right(c.masked_key, \(MaskedKey.tailCharacters)::int) = \(mask.tail)
         ORDER BY c.create_time, c.id LIMIT \(limit)
        """, as: StoredConfig.init(_:))
    }
  }

  func labels(
    provider: String, of userID: UserID, limit: Int
  ) async throws(VaultError) -> [Label] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT c.label FROM provider_configs AS c
         WHERE c.user_id = \(userID.uuid) AND c.provider = \(provider)
         ORDER BY c.label LIMIT \(limit)
        """
      ) { row throws(PostgresError) in Label(stored: try row.decode("label")) }
    }
  }

  func preferredConfig(
    provider: String, of userID: UserID
  ) async throws(VaultError) -> StoredConfig? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        \(Self.storedConfigs)
         WHERE c.id = (
           SELECT p.id FROM provider_configs AS p
            WHERE p.user_id = \(userID.uuid) AND p.provider = \(provider)
            ORDER BY \(Self.preference) LIMIT 1)
        """, as: StoredConfig.init(_:))
    }
  }

  func dataKey(of userID: UserID) async throws(VaultError) -> WrappedDataKey? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT k.id AS key_id, k.user_id AS key_user_id, k.kek_id, k.wrapped
          FROM data_keys AS k
         WHERE k.user_id = \(userID.uuid) AND k.active AND k.seal_count < \(DataKeyLimit.sealsMax)
        """, as: WrappedDataKey.init(_:))
    }
  }

  // MARK: Receipts without a change

  func recordUses(
    _ receipts: [Receipt], health: [KeyHealthChange], at time: Date
  ) async throws(VaultError) {
    try await transaction { transaction in
      try await outbox.insert(receipts, in: transaction)
      try await Self.note(health, at: time, in: transaction)
    }
  }

  func record(_ receipt: Receipt, use: ConfigUse?) async throws(VaultError) {
    try await receipts.record(receipt, use: use)
  }

  func record(
    _ receipt: Receipt, use: ConfigUse?, if precondition: ConfigPrecondition
  ) async throws(VaultError) -> Bool {
    try await receipts.record(receipt, use: use, if: precondition)
  }
}

extension ProviderConfig {
  init(_ row: PostgresRow) throws(PostgresError) {
    self.init(
      id: try row.decode("id"), userID: UserID(try row.decode("user_id")),
      provider: try row.decode("provider"), label: Label(stored: try row.decode("label")),
      maskedKey: MaskedKey(stored: try row.decode("masked_key")),
      origin: try row.decode("origin"), baseURLHint: try row.decode("base_url_hint"),
      enabled: try row.decode("enabled"), createTime: try row.decode("create_time"),
      updateTime: try row.decode("update_time"), lastUseTime: try row.decode("last_use_time"))
  }

  /// With what the provider last said.
  init(shown row: PostgresRow) throws(PostgresError) {
    try self.init(row)
    health = try KeyHealth.of(row)
  }
}

extension KeyHealth {
  /// Nil before the first answer.
  static func of(_ row: PostgresRow) throws(PostgresError) -> KeyHealth? {
    let status: Int? = try row.decode("last_status")
    let time: Date? = try row.decode("last_answer_time")
    guard let status, let time else { return nil }
    return KeyHealth(
      lastStatus: status, lastAnswerTime: time,
      consecutiveRefusals: try row.decode("consecutive_refusals"))
  }
}

extension StoredConfig {
  init(_ row: PostgresRow) throws(PostgresError) {
    let baseURL: [UInt8]? = try row.decode("base_url")
    self.init(
      config: try ProviderConfig(row),
      sealedKey: SealedField(stored: try row.decode("api_key")),
      sealedBaseURL: baseURL.map { SealedField(stored: $0) }, dataKey: try WrappedDataKey(row),
      revision: try row.decode("revision"))
  }
}

extension StoredConfig {
  /// With what the provider last said.
  init(shown row: PostgresRow) throws(PostgresError) {
    try self.init(row)
    config.health = try KeyHealth.of(row)
  }
}

extension WrappedDataKey {
  init(_ row: PostgresRow) throws(PostgresError) {
    self.init(
      id: try row.decode("key_id"), userID: UserID(try row.decode("key_user_id")),
      keyEncryptionKeyID: try row.decode("kek_id"), wrapped: try row.decode("wrapped"))
  }
}

extension VaultError: StorageError {}
