import Edge
import HTTPTypes
import Providers
import ServiceAPI

/// What a person typed about a provider key.
struct ProviderForm: Sendable {
  static let labels = [
    "provider": "Provider", "label": "Label", "apiKey": "API key", "baseUrl": "Base URL",
  ]

  var provider = ""
  var label = ""
  /// Secret; never goes back into a page.
  var apiKey = ""
  var baseURL = ""

  init(label: String = "") {
    self.label = label
  }

  init(_ data: FormData) {
    provider = data.trimmed("provider")
    label = data.trimmed("label")
    apiKey = data.trimmed("apiKey")
    baseURL = data.trimmed("baseUrl")
  }

  /// What was typed before a session ended; never a key.
  init(query parameters: [(name: String, value: String)]) {
    for (name, value) in parameters {
      switch name {
      case "provider": provider = value
      case "label": label = value
      case "baseUrl": baseURL = value
      default: break
      }
    }
  }

  /// Refuses an endpoint that the proxy would never connect to, while its owner is looking.
  func checkEndpoint(_ check: Portal.EndpointCheck) throws(Problem) {
    guard !baseURL.isEmpty else { return }
    try check(baseURL)
  }

  func mistakes(_ problem: Problem) -> Mistakes? {
    if problem.status == .conflict, problem.fields.isEmpty {
      return Mistakes(items: [
        .init("label", label: "Label", "you have a key of this provider with this label already")
      ])
    }
    return Mistakes(problem, labels: Self.labels)
  }

  func providerChoice(_ catalogue: ProviderCatalogue, _ mistakes: Mistakes?) -> Choice {
    Choice(
      "provider", "Provider", catalogue.providers.map { ($0.id, $0.displayName) },
      selected: provider, mistakes: mistakes)
  }

  func labelField(hint: String?, isOptional: Bool, _ mistakes: Mistakes?) -> Field {
    Field(
      "label", "Label", value: label, hint: hint, isOptional: isOptional, isPlain: true,
      lengthMax: 64, mistakes: mistakes)
  }

  func keyField(hint: String, isOptional: Bool, _ mistakes: Mistakes?) -> Field {
    Field(
      "apiKey", isOptional ? "New API key" : "API key", type: "secret", hint: hint,
      isOptional: isOptional, isPlain: true, lengthMax: 8_192, mistakes: mistakes)
  }

  func endpointField(hint: String, _ mistakes: Mistakes?) -> Field {
    Field(
      "baseUrl", "Base URL", type: "url", value: baseURL, hint: hint, isOptional: true,
      isPlain: true, lengthMax: EndpointURL.bytesMax, mistakes: mistakes)
  }
}

/// A stored key, as pages show it.
struct ProviderRow: Sendable {
  let id: String
  let provider: String
  let label: String
  let maskedKey: String
  let endpoint: String?
  let isEnabled: Bool
  let state: StatePill
  /// Markup.
  let logo: String
  let menu: RowMenu
  let created: Moment?
  let lastUse: Moment?

  init(_ config: VaultAPI.ProviderConfig, catalogue: ProviderCatalogue) {
    id = config.id
    // A provider that has left the catalogue is still listed, under its id.
    provider = catalogue.name(of: config.provider)
    label = config.label
    maskedKey = config.maskedKey.isEmpty ? "none" : config.maskedKey
    endpoint = config.baseUrl
    isEnabled = config.enabled
    state = StatePill(config)
    logo = catalogue.logo(of: config.provider).svg
    let address = "/providers/\(config.id)"
    menu = RowMenu(
      id: "menu-\(config.id)", name: "Actions for \(provider), \(config.label)",
      [
        .link("Edit", address),
        .act(
          config.enabled ? "Disable" : "Enable", "\(address)/\(config.enabled ? "dis" : "en")able"),
        .link("Delete…", "\(address)/delete", isDangerous: true),
      ])
    created = config.createTime.map { Moment($0) }
    lastUse = config.lastUseTime.map { Moment($0) }
  }

  /// For pages about this one key.
  var content: [String: Any] {
    var content: [String: Any] = [
      "id": id, "providerName": provider, "currentLabel": label, "maskedKey": maskedKey,
      "isEnabled": isEnabled, "state": state,
    ]
    content["endpoint"] = endpoint
    content["created"] = created
    content["lastUse"] = lastUse
    return content
  }
}
