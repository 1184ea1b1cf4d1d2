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

  /// Opens the key; empty when the configuration has none.
  func openKey(of stored: StoredConfig) throws(VaultError) -> SecretBytes {
    try stored.sealedKey.open(
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
