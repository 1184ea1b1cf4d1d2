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
    c.create_time, c.update_time, c.last_use_time, c.version, c.key_version, c.quarantine_time,
    c.expire_time, c.second_role, c.second_masked_key, c.second_key_version, c.second_end_time,
    c.fallback_time
    """

  static let noteColumns: PostgresQuery = "c.note, c.tags, c.remind_time"

  static let healthColumns: PostgresQuery = """
    c.last_status, c.last_answer_time, c.consecutive_refusals, c.last_good_time,
    c.last_failure_time, c.last_failure, c.consecutive_failures
    """

  /// What a list shows.
  static let shownColumns: PostgresQuery = "\(plainColumns), \(noteColumns), \(healthColumns)"

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
    SELECT \(columns), c.api_key, c.base_url, c.second_key, k.id AS key_id,
           k.user_id AS key_user_id,
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
    of userID: UserID, _ filter: ConfigFilter, after position: PagePosition?, limit: Int
  ) async throws(VaultError) -> [ProviderConfig] {
    var page: PostgresQuery = """
      SELECT \(Self.shownColumns)
        FROM provider_configs AS c
       WHERE c.user_id = \(userID.uuid)
      """
    page += Self.conditions(of: filter)
    if let position {
      page += " AND (c.create_time, c.id) > (\(position.time), \(position.id))"
    }
    page += " ORDER BY c.create_time, c.id LIMIT \(limit)"
    return try await query { postgres throws(PostgresError) in
      try await postgres.all(page, as: ProviderConfig.init(shown:))
    }
  }

  private static func conditions(of filter: ConfigFilter) -> PostgresQuery {
    var conditions: PostgresQuery = ""
    if !filter.provider.isEmpty { conditions += " AND c.provider = \(filter.provider)" }
    if !filter.tag.isEmpty { conditions += " AND \(filter.tag) = ANY(c.tags)" }
    if !filter.words.isEmpty {
      conditions += """
         AND position(lower(\(filter.words))
                      IN lower(concat_ws(' ', c.label, c.note, c.masked_key))) > 0
        """
    }
    if let time = filter.expireBefore { conditions += " AND c.expire_time < \(time)" }
    switch filter.state {
    case .usable:
      conditions += """
         AND c.enabled AND c.quarantine_time IS NULL
         AND (c.expire_time IS NULL OR c.expire_time > \(filter.time))
        """
    case .disabled: conditions += " AND NOT c.enabled"
    case .quarantined: conditions += " AND c.quarantine_time IS NOT NULL"
    case .expired: conditions += " AND c.expire_time <= \(filter.time)"
    case nil: break
    }
    return conditions
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
    _ receipts: [Receipt], health: [KeyHealthChange], _ rule: QuarantineRule, at time: Date
  ) async throws(VaultError) {
    try await transaction { transaction in
      let acts = try await Self.note(health, rule, at: time, in: transaction).map(rule.act)
      try await outbox.insert(receipts + acts.map(\.receipt), in: transaction)
      try await Self.insert(acts.map(\.notice), in: transaction)
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
      updateTime: try row.decode("update_time"), lastUseTime: try row.decode("last_use_time"),
      version: try row.decode("version"), keyVersion: try row.decode("key_version"),
      quarantineTime: try row.decode("quarantine_time"),
      notes: ConfigNotes(expireTime: try row.decode("expire_time")),
      secondKey: try SecondKey.of(row), fallbackTime: try row.decode("fallback_time"))
  }

  /// With what the provider last said.
  init(shown row: PostgresRow) throws(PostgresError) {
    try self.init(noted: row)
    health = try KeyHealth.of(row)
  }

  /// With its owner's notes.
  init(noted row: PostgresRow) throws(PostgresError) {
    try self.init(row)
    notes.note = try row.decode("note")
    notes.tags = try row.decode("tags")
    notes.remindTime = try row.decode("remind_time")
  }
}

extension SecondKey {
  /// Nil where there is none.
  static func of(_ row: PostgresRow) throws(PostgresError) -> SecondKey? {
    let role: String? = try row.decode("second_role")
    guard let role = role.flatMap(Role.init(rawValue:)) else { return nil }
    return SecondKey(
      role: role, maskedKey: MaskedKey(stored: try row.decode("second_masked_key")),
      keyVersion: try row.decode("second_key_version"),
      endTime: try row.decode("second_end_time"))
  }
}

extension KeyHealth {
  /// Nil before the first answer.
  static func of(_ row: PostgresRow) throws(PostgresError) -> KeyHealth? {
    let status: Int? = try row.decode("last_status")
    let time: Date? = try row.decode("last_answer_time")
    let failure: String? = try row.decode("last_failure")
    guard let time else { return nil }
    return KeyHealth(
      lastStatus: status ?? 0, lastAnswerTime: time,
      consecutiveRefusals: try row.decode("consecutive_refusals"),
      lastGoodTime: try row.decode("last_good_time"),
      lastFailureTime: try row.decode("last_failure_time"),
      lastFailure: failure.flatMap(KeyState.init(rawValue:)),
      consecutiveFailures: try row.decode("consecutive_failures"))
  }
}

extension StoredConfig {
  init(_ row: PostgresRow) throws(PostgresError) {
    let baseURL: [UInt8]? = try row.decode("base_url")
    let second: [UInt8]? = try row.decode("second_key")
    self.init(
      config: try ProviderConfig(row),
      sealedKey: SealedField(stored: try row.decode("api_key")),
      sealedBaseURL: baseURL.map { SealedField(stored: $0) }, dataKey: try WrappedDataKey(row),
      sealedSecondKey: second.map { SealedField(stored: $0) },
      revision: try row.decode("revision"))
  }
}

extension StoredConfig {
  /// With what the provider last said.
  init(shown row: PostgresRow) throws(PostgresError) {
    try self.init(row)
    config = try ProviderConfig(shown: row)
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
