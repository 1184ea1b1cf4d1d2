import Cryptography
import FoundationEssentials
package import Identity
import Providers
import Receipts
import UseCases

/// A key that is about to be shown to its owner.
package struct RevealedKey: Sendable {
  package let config: ProviderConfig
  /// Empty when the configuration has none.
  package let key: APIKey
  /// The user's endpoint; nil where the provider's own is used.
  package let baseURL: String?
}

extension VaultService {
  /// Opens a key for its owner to see, also a disabled one: it is theirs, and moving away must be
  /// possible. The receipt is committed before the key is returned.
  ///
  /// Throws `.revealOff` where the operator lets no key be shown.
  package func reveal(
    _ id: String, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> RevealedKey {
    try await door.perform(.credentialReveal, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<RevealedKey> in
      let id = try Self.configID(id)
      entry.isAbout(id: id)
      guard revealsKeys else { throw .revealOff }
      guard let stored = try await store.storedConfig(id, of: caller.userID) else {
        throw .notFound
      }
      entry.isAbout(stored.config)
      entry.set(Entry.keyVersion, .number(stored.config.keyVersion))
      let revealed = RevealedKey(
        config: stored.config, key: APIKey(bytes: try cipher.openKey(of: stored)),
        baseURL: try cipher.openURL(of: stored))
      try await store.record(entry.success(at: door.now), use: nil)
      return .committed(revealed)
    }
  }
}
