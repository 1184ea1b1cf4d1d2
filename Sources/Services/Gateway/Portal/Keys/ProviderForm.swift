import Edge
import Encodings
import HTTPTypes
import Providers
import ServiceAPI

/// What a person typed about a provider key.
struct ProviderForm: Sendable {
  static let labels = [
    "provider": "Provider", "label": "Label", "apiKey": "API key", "baseUrl": "Base URL",
  ]

  private static let labelBytesMax = 64
  /// Says it of a form whose page is older than what is stored.
  static let changedMeanwhile =
    "Something else has changed this key since you opened the page, and nothing was saved. The "
    + "page shows it as it is now, with what you typed"

  var provider = ""
  var label = ""
  /// Secret; never goes back into a page.
  var apiKey = ""
  var baseURL = ""

  init() {}

  /// What is stored; an endpoint with masked parts can't go back into a form.
  init(_ config: VaultAPI.ProviderConfig) {
    label = config.label
    baseURL = config.baseUrl.flatMap { TextSearch(["…"]).finds(in: $0) ? nil : $0 } ?? ""
  }

  init(_ data: FormData) {
    provider = data.trimmed("provider")
    label = Self.label(data.trimmed("label"))
    apiKey = PastedKey(data["apiKey"]).key
    baseURL = data.trimmed("baseUrl")
  }

  /// As people type it: capitals become small, blanks become hyphens.
  static func label(_ text: String) -> String {
    text.lowercased().split(atByte: " ").joined(separator: "-")
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

  /// Everything that can be said of a new key without asking anybody.
  func mistakes(
    _ catalogue: ProviderCatalogue, _ checkEndpoint: Portal.EndpointCheck
  ) -> [Mistakes.Item] {
    var items: [Mistakes.Item] = []
    let chosen = catalogue.provider(id: provider)
    if chosen == nil { items.append(.init("provider", label: "Provider", "Choose one")) }
    if apiKey.isEmpty, chosen?.key != .optional {
      items.append(.init("apiKey", label: "API key", "Enter the API key"))
    }
    items += mistakesOfLabel()
    if baseURL.isEmpty, let chosen, chosen.endpoint == .required {
      items.append(
        .init("baseUrl", label: "Base URL", "\(chosen.displayName) needs an address of your own"))
    }
    do throws(Problem) {
      try self.checkEndpoint(checkEndpoint)
    } catch {
      items.append(
        .init("baseUrl", label: "Base URL", error.fields.first?.detail ?? error.detail))
    }
    return items
  }

  static let labelRule = "Use at most \(labelBytesMax) small letters, digits, and . _ -"

  /// Whether a key can be called that; an empty one stands for `default`.
  static func isLabel(_ text: String) -> Bool {
    text.utf8.count <= labelBytesMax
      && text.utf8.allSatisfy {
        $0.isASCIILower || $0.isASCIIDigit || "._-".utf8.contains($0)
      }
  }

  func mistakesOfLabel() -> [Mistakes.Item] {
    Self.isLabel(label) ? [] : [.init("label", label: "Label", Self.labelRule)]
  }

  func mistakes(_ problem: Problem) -> Mistakes? {
    if problem.status == .preconditionFailed { return Mistakes(Self.changedMeanwhile) }
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

  func endpointField(hint: String, isOptional: Bool = true, _ mistakes: Mistakes?) -> Field {
    Field(
      "baseUrl", "Base URL", type: "url", value: baseURL, hint: hint, isOptional: isOptional,
      isPlain: true, lengthMax: EndpointURL.bytesMax, mistakes: mistakes)
  }
}

/// A stored key, as pages show it.
struct ProviderRow: Sendable {
  let id: String
  let providerID: String
  let provider: String
  /// What a search looks into, in small letters.
  let searchText: String
  let label: String
  let maskedKey: String
  let endpoint: String?
  let isEnabled: Bool
  let state: StatePill
  /// Markup.
  let logo: String
  let menu: RowMenu
  let created: Moment?
  let changed: Moment?
  let lastUse: Moment?
  /// Nil when the log could not be asked.
  var week: KeyUse.Line?
  let tags: [String]

  init(_ config: VaultAPI.ProviderConfig, catalogue: ProviderCatalogue) {
    id = config.id
    providerID = config.provider
    // A provider that has left the catalogue is still listed, under its id.
    provider = catalogue.name(of: config.provider)
    label = config.label
    maskedKey = config.maskedKey.isEmpty ? "none" : config.maskedKey
    endpoint = config.baseUrl
    tags = config.tags
    let notes = [config.note] + config.tags
    searchText = ([provider, config.provider, label, maskedKey, config.baseUrl ?? ""] + notes)
      .joined(separator: " ").lowercased()
    isEnabled = config.enabled
    state = StatePill(config)
    logo = catalogue.logo(of: config.provider).svg
    let address = "/providers/\(config.id)"
    menu = RowMenu(
      id: "menu-\(config.id)", name: "Actions for \(provider), \(config.label)",
      [
        .act("Test now", "\(address)/test"), .link("Edit or replace…", address),
        .link("Use it", "/connect?key=\(config.id)"),
        .act(
          config.enabled ? "Disable" : "Enable", "\(address)/\(config.enabled ? "dis" : "en")able"),
        .link("Delete…", "/providers/delete?id=\(config.id)", isDangerous: true),
      ])
    created = config.createTime.map { Moment($0) }
    changed = config.updateTime.map { Moment($0) }
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
    content["changed"] = changed
    content["lastUse"] = lastUse
    return content
  }
}
