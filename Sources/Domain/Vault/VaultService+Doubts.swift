import Cryptography
import FoundationEssentials
import Identity
import Providers

extension VaultService {
  /// Configurations whose keys end alike, and are compared.
  private static let comparedMax = 64

  /// Throws what speaks against storing a key: `.doubtful` for what is probably no key of this
  /// provider, `.storedAlready` when the user has the same one for the same place. `label` is that
  /// of a new one: where it is taken, insisting would not help, and `.alreadyExists` is thrown.
  func checkDoubts(
    _ key: APIKey, of provider: Provider, at endpoint: Endpoint, for userID: UserID,
    besides id: UUID? = nil, label: Label? = nil
  ) async throws(VaultError) {
    try catalogue.checkShape(key, of: provider, at: endpoint)
    guard key.bytes.count > 0 else { return }
    let alike = try await store.storedConfigs(
      maskedLike: provider.mask(key), of: userID, limit: Self.comparedMax)
    for stored in alike
    where stored.config.id != id && stored.config.provider == provider.id
      && stored.config.origin == endpoint.origin
    {
      // What can't be opened is another matter, and not this key's.
      guard let other = try? cipher.openKey(of: stored) else { continue }
      if other.constantTimeEquals(key.bytes) {
        if let label, label == stored.config.label {
          throw .alreadyExists(provider: provider.id, label: label)
        }
        throw .storedAlready(
          provider: catalogue.displayName(stored.config.provider), label: stored.config.label)
      }
    }
  }
}

extension ProviderCatalogue {
  func displayName(_ id: String) -> String { provider(id: id)?.displayName ?? id }

  func checkShape(
    _ key: APIKey, of provider: Provider, at endpoint: Endpoint
  ) throws(VaultError) {
    let hasOwnEndpoint = endpoint.origin != Endpoint.ownOrigin(of: provider)
    if let doubt = doubt(about: key.bytes, for: provider, hasOwnEndpoint: hasOwnEndpoint) {
      throw .doubtful(doubt)
    }
  }
}
