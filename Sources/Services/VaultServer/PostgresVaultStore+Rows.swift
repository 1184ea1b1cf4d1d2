import FoundationEssentials
import Identity
import Postgres
import Vault

extension PostgresVaultStore {
  /// What a list shows: no sealed column.
  static let shownColumns: PostgresQuery = """
    c.id, c.user_id, c.provider, c.label, c.masked_key, c.origin, c.base_url_hint, c.enabled,
    c.create_time, c.update_time, c.last_use_time
    """

  /// What opening a key needs besides; the data key is `k`.
  static let allColumns: PostgresQuery = """
    \(shownColumns), c.api_key, c.base_url, k.id AS key_id, k.user_id AS key_user_id, k.kek_id,
    k.wrapped
    """
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
}

extension StoredConfig {
  init(_ row: PostgresRow) throws(PostgresError) {
    let baseURL: [UInt8]? = try row.decode("base_url")
    self.init(
      config: try ProviderConfig(row),
      sealedKey: SealedField(stored: try row.decode("api_key")),
      sealedBaseURL: baseURL.map { SealedField(stored: $0) }, dataKey: try WrappedDataKey(row))
  }
}

extension WrappedDataKey {
  init(_ row: PostgresRow) throws(PostgresError) {
    self.init(
      id: try row.decode("key_id"), userID: UserID(try row.decode("key_user_id")),
      keyEncryptionKeyID: try row.decode("kek_id"), wrapped: try row.decode("wrapped"))
  }
}
