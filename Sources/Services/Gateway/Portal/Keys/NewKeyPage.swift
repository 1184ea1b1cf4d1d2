import Backend
import Cryptography
import Edge
import Encodings
import HTTPTypes
import KeyTesting
import Providers
import RPC
import ServiceAPI

/// The page on which a key is added: choose, paste, check, store.
struct NewKeyPage: Sendable {
  /// A provider to choose, with its logo.
  struct Card: Sendable {
    let id: String
    let name: String
    let logo: String
    /// How its keys begin, with blanks between, for the script that chooses it.
    let prefixes: String
    let isChosen: Bool
  }

  /// Where a provider's keys are got.
  struct KeyPlace: Sendable {
    let name: String
    let href: String
    let host: String
  }

  private static let address = "/providers/new"
  /// Cards that are shown at once; the others are behind "more".
  private static let firstCardsMax = 12

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], Self.address, .page) { exchange in
        try await portal.forVisitor(exchange) { visitor in
          show(exchange, visitor, try ProviderForm(query: exchange.parameters()))
        }
      },
      try Edge.Route(["POST"], Self.address, .page) { try await create($0) },
    ]
  }

  private func show(
    _ exchange: Exchange, _ visitor: Visitor, _ form: ProviderForm, mistakes: Mistakes? = nil,
    notes: [String] = [], mayStoreAnyway: Bool = false
  ) -> Response {
    let cards = cards(chosen: form.provider)
    let kept =
      mistakes == nil || form.apiKey.isEmpty
      ? nil : SessionSeal(visitor)?.seal(form.apiKey, as: .typedKey)
    return portal.page(
      exchange, visitor, "provider-new",
      title: mistakes == nil ? "Add a provider key" : "Error: add a provider key",
      section: KeyListPage.section,
      [
        "mistakes": mistakes as Any, "notes": notes, "kept": kept as Any,
        "mayStoreAnyway": mayStoreAnyway,
        "cards": Array(cards.prefix(Self.firstCardsMax)),
        "moreCards": Array(cards.dropFirst(Self.firstCardsMax)),
        "isMoreOpen": cards.dropFirst(Self.firstCardsMax).contains(where: \.isChosen),
        "providerError": mistakes?["provider"] as Any, "places": places(chosen: form.provider),
        "label": form.labelField(
          hint: "To tell several keys of one provider apart: small letters, digits, and . _ -. "
            + "Left empty it is “default”.", isOptional: true, mistakes),
        "apiKey": form.keyField(
          hint: kept == nil
            ? "It is sealed at once, and no page shows it again. Blanks and quotes around it go."
            : "The key that you pasted is kept for ten minutes. Leave this empty to go on with it.",
          isOptional: kept != nil, mistakes),
        "baseUrl": form.endpointField(
          hint: "For a custom endpoint, Azure OpenAI and Ollama, e.g. https://llm.example.com/v1. "
            + "Left empty it is the provider's own.", mistakes),
        "isEndpointOpen": !form.baseURL.isEmpty || mistakes?["baseUrl"] != nil
          || portal.catalogue.provider(id: form.provider)?.endpoint == .required,
      ], status: mistakes == nil ? .ok : .unprocessableContent, modules: [.paste],
      isSecret: kept != nil)
  }

  private func cards(chosen: String) -> [Card] {
    let providers = portal.catalogue.providers
    // One's own endpoint, the last of the catalogue, is no afterthought: it ends the first ones.
    let (custom, others) = (providers.suffix(1), providers.dropLast(1))
    let ordered =
      Array(others.prefix(Self.firstCardsMax - 1)) + Array(custom)
      + Array(others.dropFirst(Self.firstCardsMax - 1))
    return ordered.map { provider in
      Card(
        id: provider.id, name: provider.displayName,
        logo: portal.catalogue.logo(of: provider.id).svg,
        prefixes: (provider.keyPrefixes ?? []).joined(separator: " "),
        isChosen: provider.id == chosen)
    }
  }

  /// Of the chosen provider, or of all of them.
  private func places(chosen: String) -> [KeyPlace] {
    portal.catalogue.providers.compactMap { provider in
      guard let page = provider.keyPage, chosen.isEmpty || provider.id == chosen,
        let url = try? EndpointURL(
          String(decoding: page.utf8.prefix { !"?#".utf8.contains($0) }, as: UTF8.self))
      else { return nil }
      return KeyPlace(name: provider.displayName, href: page, host: "\(url.host)")
    }
  }

  // MARK: Storing

  private func create(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(
      exchange, page: Self.address, keeping: ["provider", "label", "baseUrl"]
    ) { visitor, data in
      try await create(exchange, visitor, data)
    }
  }

  private func create(
    _ exchange: Exchange, _ visitor: Visitor, _ data: FormData
  ) async throws -> Response {
    var form = ProviderForm(data)
    let pasted = PastedKey(data["apiKey"])
    form.apiKey = pasted.key
    if form.apiKey.isEmpty {
      form.apiKey = SessionSeal(visitor)?.open(data["kept"], as: .typedKey) ?? ""
    }
    var notes = pasted.cleanings.map(\.notice)
    if form.provider.isEmpty, let found = only(of: form.apiKey) {
      form.provider = found.id
      notes.append("The key begins as those of \(found.displayName) do.")
    }
    var items = form.mistakes(portal.catalogue, portal.checkEndpoint)
    guard items.isEmpty else {
      return show(exchange, visitor, form, mistakes: Mistakes(items: items), notes: notes)
    }
    let (act, mayNotStore) = (data["act"], data["act"] == "check")
    if mayNotStore, let refusal = try await refusal(of: form, exchange, visitor) {
      items.append(.init("apiKey", label: "API key", refusal))
      return show(
        exchange, visitor, form, mistakes: Mistakes(items: items), notes: notes,
        mayStoreAnyway: true)
    }
    do throws(RPCError) {
      let config = try await portal.services.vault.createProviderConfig(
        VaultAPI.CreateProviderConfigRequest(
          provider: form.provider, label: form.label, apiKey: form.apiKey,
          baseUrl: form.baseURL.isEmpty ? nil : form.baseURL, storeAnyway: act == "anyway"),
        options: visitor.options(for: exchange))
      var address = "/providers/\(config.id)"
      if mayNotStore {
        // Again, for the stored key: what the provider says is its health from the beginning.
        let result = try? await portal.tester.test(id: config.id, for: visitor, exchange)
        let sealed = result.flatMap { SessionSeal(visitor)?.seal($0.words, as: .testResult) }
        address += sealed.map { "?test=\($0)" } ?? ""
      }
      return portal.redirect(to: address, notice: Notice(.keyStored, of: config.id))
    } catch {
      let problem = Problem(error)
      guard let mistakes = form.mistakes(problem) else { throw problem }
      return show(
        exchange, visitor, form, mistakes: mistakes, notes: notes, mayStoreAnyway: error.isDoubt)
    }
  }

  private func only(of key: String) -> Provider? {
    let found = portal.catalogue.providers(ofKey: SecretBytes(utf8: key))
    return found.count == 1 ? found[0] : nil
  }

  /// What the provider has against the key; nil when it takes it, or can't be asked about it.
  private func refusal(
    of form: ProviderForm, _ exchange: Exchange, _ visitor: Visitor
  ) async throws -> String? {
    // What is no key need not be shown to anybody.
    if let provider = portal.catalogue.provider(id: form.provider),
      portal.catalogue.doubt(
        about: SecretBytes(utf8: form.apiKey), for: provider, hasOwnEndpoint: !form.baseURL.isEmpty)
        != nil
    {
      return nil
    }
    let result: GatewayAPI.KeyTest
    do {
      result = try await portal.tester.test(
        GatewayAPI.TestKeyRequest(
          provider: form.provider, apiKey: form.apiKey,
          baseUrl: form.baseURL.isEmpty ? nil : form.baseURL), for: visitor, exchange)
    } catch let error as RPCError where error.code == .invalidArgument {
      // The vault says the same of storing it, in its own words.
      return nil
    }
    switch result.outcome {
    case .refused, .noCredit, .unreachable: return result.words
    default: return nil
    }
  }
}
