import Cryptography
import FoundationEssentials
import Identity
import Providers

/// Seals and opens the fields of configurations.
struct ConfigCipher: Sendable {
  let keyring: Keyring
  let cache: DataKeyCache

  /// Puts a sealed key and endpoint into a new stored configuration.
  func seal(
    _ config: ProviderConfig, key: APIKey, url: EndpointURL?, with dataKey: WrappedDataKey
  ) throws(VaultError) -> StoredConfig {
    let unwrapped = try unwrap(dataKey)
    return StoredConfig(
      config: config,
      sealedKey: try .seal(
        key.bytes, with: unwrapped, boundTo: FieldBinding(config, .apiKey)),
      sealedBaseURL: try seal(url, of: config, with: unwrapped), dataKey: dataKey)
  }

  /// Seals a key for where `stored` is now.
  func replaceKey(_ key: APIKey, in stored: inout StoredConfig) throws(VaultError) {
    stored.sealedKey = try .seal(
      key.bytes, with: unwrap(stored.dataKey), boundTo: FieldBinding(stored.config, .apiKey))
  }

  /// Seals an endpoint for where `stored` is now.
  func replaceURL(_ url: EndpointURL?, in stored: inout StoredConfig) throws(VaultError) {
    stored.sealedBaseURL = try seal(url, of: stored.config, with: unwrap(stored.dataKey))
  }

  /// Seals the fields of `stored` that are named with another data key, unless it is this one
  /// already; returns how many were sealed.
  ///
  /// A field that isn't named must be sealed anew right behind: what it holds needs not to open.
  func reseal(
    _ stored: inout StoredConfig, _ fields: Set<FieldBinding.Field> = [.apiKey, .baseURL],
    with dataKey: WrappedDataKey
  ) throws(VaultError) -> Int {
    guard stored.dataKey.id != dataKey.id else { return 0 }
    let (old, new) = (stored.dataKey, try unwrap(dataKey))
    var sealCount = 0
    func resealed(
      _ field: SealedField, _ name: FieldBinding.Field, of config: ProviderConfig
    ) throws(VaultError) -> SealedField {
      let binding = FieldBinding(config, name)
      sealCount += 1
      return try .seal(
        try field.open(with: try unwrap(old), boundTo: binding), with: new, boundTo: binding)
    }
    if fields.contains(.apiKey) {
      stored.sealedKey = try resealed(stored.sealedKey, .apiKey, of: stored.config)
    }
    if fields.contains(.baseURL), let url = stored.sealedBaseURL {
      stored.sealedBaseURL = try resealed(url, .baseURL, of: stored.config)
    }
    if let second = stored.sealedSecondKey {
      stored.sealedSecondKey = try resealed(second, .apiKey, of: stored.config)
    }
    stored.dataKey = dataKey
    return sealCount
  }

  /// Whether there is a master key that unwraps it.
  func opens(_ dataKey: WrappedDataKey) -> Bool { (try? unwrap(dataKey)) != nil }

  /// Opens the key; empty when the configuration has none.
  func openKey(of stored: StoredConfig) throws(VaultError) -> SecretBytes {
    try stored.sealedKey.open(
      with: unwrap(stored.dataKey), boundTo: FieldBinding(stored.config, .apiKey))
  }

  /// Seals a second key for where `stored` is now.
  func sealedKey(_ key: APIKey, for stored: StoredConfig) throws(VaultError) -> SealedField {
    try .seal(
      key.bytes, with: unwrap(stored.dataKey), boundTo: FieldBinding(stored.config, .apiKey))
  }

  /// Opens one of the configuration's keys.
  func open(_ slot: KeySlot, of stored: StoredConfig) throws(VaultError) -> SecretBytes {
    try slot.sealed.open(
      with: unwrap(stored.dataKey), boundTo: FieldBinding(stored.config, .apiKey))
  }

  /// Opens the second key; nil when there is none.
  func openSecondKey(of stored: StoredConfig) throws(VaultError) -> SecretBytes? {
    guard let sealed = stored.sealedSecondKey else { return nil }
    return try sealed.open(
      with: unwrap(stored.dataKey), boundTo: FieldBinding(stored.config, .apiKey))
  }

  /// Opens the custom endpoint; nil where the provider's own is used.
  func openURL(of stored: StoredConfig) throws(VaultError) -> String? {
    guard let sealed = stored.sealedBaseURL else { return nil }
    let bytes = try sealed.open(
      with: unwrap(stored.dataKey), boundTo: FieldBinding(stored.config, .baseURL))
    return bytes.withUTF8String { $0 }
  }

  private func seal(
    _ url: EndpointURL?, of config: ProviderConfig, with dataKey: DataKey
  ) throws(VaultError) -> SealedField? {
    guard let url else { return nil }
    return try .seal(
      SecretBytes(utf8: url.description), with: dataKey,
      boundTo: FieldBinding(config, .baseURL))
  }

  private func unwrap(_ dataKey: WrappedDataKey) throws(VaultError) -> DataKey {
    try cache.key(dataKey) { (wrapped) throws(VaultError) in try keyring.unwrap(wrapped) }
  }
}
