import Providers
import ServiceAPI

/// A stored key, as pages show it.
struct ProviderRow: Sendable {
  let id: String
  let provider: String
  let label: String
  let maskedKey: String
  let endpoint: String?
  let isEnabled: Bool
  let created: Moment?
  let lastUse: Moment?

  init(_ config: VaultAPI.ProviderConfig, catalogue: ProviderCatalogue) {
    id = config.id
    // A provider that has left the catalogue is still listed, under its id.
    provider = catalogue.provider(id: config.provider)?.displayName ?? config.provider
    label = config.label
    maskedKey = config.maskedKey.isEmpty ? "none" : config.maskedKey
    endpoint = config.baseUrl
    isEnabled = config.enabled
    created = config.createTime.map { Moment($0) }
    lastUse = config.lastUseTime.map { Moment($0) }
  }

  /// For pages about this one key.
  var content: [String: Any] {
    var content: [String: Any] = [
      "id": id, "providerName": provider, "currentLabel": label, "maskedKey": maskedKey,
      "isEnabled": isEnabled,
    ]
    content["endpoint"] = endpoint
    content["created"] = created
    content["lastUse"] = lastUse
    return content
  }
}
