import Backend
import Edge
import Encodings
import HTTPTypes
import KeyTesting
import Providers
import RPC
import ServiceAPI

/// The page of one key: how it is, how it is used, what happened to it, and everything that can be
/// done with it.
struct KeyPage: Sendable {
  /// Entries of a page of the history; of the two of a use only the second is shown.
  private static let eventsPerPage: Int32 = 20
  private static let daysOfChart = 14
  /// What the address calls the page of the history.
  private static let historyName = "history"

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/providers/{id}", .page) { exchange in
        try await portal.forVisitor(exchange) { visitor in
          let config = try await stored(exchange, visitor)
          var form = ProviderForm(config)
          // Back from the page that asked for the password.
          for (name, value) in try exchange.parameters() {
            if name == "label" { form.label = value }
            if name == "baseUrl" { form.baseURL = value }
          }
          return try await page(exchange, visitor, config, form)
        }
      },
      try Edge.Route(["POST"], "/providers/{id}", .page) { try await update($0) },
      try Edge.Route(["POST"], "/providers/{id}/notes", .page) { try await updateNotes($0) },
      try Edge.Route(["POST"], "/providers/{id}/enable", .page) { try await setEnabled($0, true) },
      try Edge.Route(["POST"], "/providers/{id}/disable", .page) {
        try await setEnabled($0, false)
      },
      try Edge.Route(["POST"], "/providers/{id}/test", .page) { try await test($0) },
      try Edge.Route(["GET"], "/providers/{id}/delete", .page) { exchange in
        portal.redirect(to: "/providers/delete?id=\(PercentCoding.encode(exchange.variable("id")))")
      },
    ]
  }

  private func stored(
    _ exchange: Exchange, _ visitor: Visitor
  ) async throws -> VaultAPI.ProviderConfig {
    try await portal.services.vault.getProviderConfig(
      VaultAPI.GetProviderConfigRequest(id: exchange.variable("id")),
      options: visitor.options(for: exchange))
  }

  private func page(
    _ exchange: Exchange, _ visitor: Visitor, _ config: VaultAPI.ProviderConfig,
    _ form: ProviderForm, notes: KeyNotesForm? = nil, mistakes: Mistakes? = nil,
    mayStoreAnyway: Bool = false
  ) async throws -> Response {
    let row = ProviderRow(config, catalogue: portal.catalogue)
    let provider = portal.catalogue.provider(id: config.provider)
    let result = try exchange.parameters().first { $0.name == "test" }
      .flatMap { SessionSeal(visitor)?.open($0.value, as: .testResult) }
    var content = row.content
    content["mistakes"] = mistakes
    content["mayStoreAnyway"] = mayStoreAnyway
    content["testResult"] = result
    content["health"] = health(config)
    content["etag"] = config.etag
    content["noteFields"] = (notes ?? KeyNotesForm(config)).fields(mistakes)
    content["isQuarantined"] = config.quarantineTime != nil
    content["lastGood"] = config.health?.lastGoodTime.map { Moment($0) }
    content["lastFailure"] = lastFailure(config)
    content["label"] = form.labelField(
      hint: config.provider == "custom"
        ? "It is part of the address: /proxy/custom/\(config.label). Applications that use it must "
          + "change when it changes."
        : "Small letters, digits, and . _ -", isOptional: false, mistakes)
    content["apiKey"] = form.keyField(
      hint: "Leave it empty to keep the key that is stored.", isOptional: true, mistakes)
    if let provider, provider.endpoint != .forbidden {
      content["baseUrl"] = form.endpointField(
        hint: "When it moves to another host, enter the key again: it may only go to the host that "
          + "it was stored for.", isOptional: provider.endpoint != .required, mistakes)
    }
    content["snippets"] = Snippets(
      origin: portal.publicOrigin, provider: config.provider, label: config.label)
    async let tokens = try? portal.services.auth.listAccessTokens(
      AuthAPI.ListAccessTokensRequest(pageSize: 1, pageToken: ""),
      options: visitor.options(for: exchange))
    async let use = KeyUse(
      days: Self.daysOfChart, key: config.id, exchange, visitor, portal)
    let (events, pager) = try await history(exchange, visitor, config)
    (content["events"], content["hasEvents"]) = (events, !events.isEmpty)
    content["pager"] = pager
    content["log"] = AuditFilter().with(\.key, config.id).href
    content["chart"] = await use?.chart(of: config.id)
    // Whoever has none yet needs one next.
    content["tokenName"] =
      await tokens?.accessTokens.isEmpty == true
      ? Field(
        "name", "Name of the application",
        hint: "It uses your keys with a token of its own, for 90 days.", lengthMax: 100) : nil
    return portal.page(
      exchange, visitor, "key",
      title: (mistakes == nil ? "" : "Error: ") + "\(row.provider), \(row.label)",
      section: KeyListPage.section, content, status: mistakes == nil ? .ok : .unprocessableContent,
      nameOf: { $0 == row.id ? "\(row.provider), \(row.label)" : nil })
  }

  /// When the key last failed, and why; nil when it never did.
  private func lastFailure(_ config: VaultAPI.ProviderConfig) -> KeyFailure? {
    guard let health = config.health, let time = health.lastFailureTime else { return nil }
    let text: String? =
      switch health.lastFailure {
      case .refused: "Refused"
      case .noCredit: "No credit"
      case .rateLimited: "Rate limited"
      case .unreachable: "Unreachable"
      case .unspecified, .valid, .unrecognized: nil
      }
    return text.map {
      KeyFailure(text: $0, time: Moment(time), count: Int(health.consecutiveFailures))
    }
  }

  /// In words, with the number of refusals where there are several.
  private func health(_ config: VaultAPI.ProviderConfig) -> String {
    guard let health = config.health else { return "The provider has not been asked yet." }
    guard health.lastStatus > 0 else { return "It has not answered yet." }
    let refusals = health.consecutiveRefusals
    return refusals > 1
      ? "It answered \(health.lastStatus), and has refused the key \(refusals) times in a row."
      : "It answered \(health.lastStatus)."
  }

  /// What happened to this key, page by page; nothing when the log is away, which must not take the
  /// page with it.
  private func history(
    _ exchange: Exchange, _ visitor: Visitor, _ config: VaultAPI.ProviderConfig
  ) async throws -> ([KeyEvent], Pager?) {
    let parameters = exchange.method.isSafe ? try exchange.parameters() : []
    let page = parameters.first { $0.name == Self.historyName }?.value ?? ""
    let answer = try? await portal.services.audit.listEvents(
      AuditAPI.ListEventsRequest(
        pageSize: Self.eventsPerPage, pageToken: page, targetId: config.id),
      options: visitor.options(for: exchange))
    guard let answer else { return ([], nil) }
    let address = "/providers/\(config.id)"
    let next = answer.nextPageToken
    let older = "\(address)?\(Self.historyName)=\(PercentCoding.encode(next))#history"
    let events = answer.events.filter { !$0.isOpening }.map(KeyEvent.init)
    return (
      events,
      Pager(
        text: "", first: page.isEmpty ? nil : "\(address)#history",
        older: next.isEmpty ? nil : older)
    )
  }

  // MARK: Acts

  private func update(_ exchange: Exchange) async throws -> Response {
    let address = "/providers/\(exchange.variable("id"))"
    return try await portal.confirmed(
      exchange, page: address, keeping: ["label", "baseUrl"]
    ) { visitor, data in
      let form = ProviderForm(data)
      let config = try await stored(exchange, visitor)
      var items = form.mistakesOfLabel()
      if form.label.isEmpty { items.append(.init("label", label: "Label", "Enter a label")) }
      do {
        guard items.isEmpty else { throw Problem(.badRequest) }
        try form.checkEndpoint(portal.checkEndpoint)
        let changed = try await portal.services.vault.updateProviderConfig(
          VaultAPI.UpdateProviderConfigRequest(
            id: config.id, label: form.label == config.label ? nil : form.label,
            apiKey: form.apiKey.isEmpty ? nil : form.apiKey,
            baseUrl: form.baseURL == (config.baseUrl ?? "") ? nil : form.baseURL,
            storeAnyway: data["act"] == "anyway", etag: data["etag"]),
          options: visitor.options(for: exchange))
        let isChanged = changed.updateTime != config.updateTime
        return portal.redirect(
          to: address, notice: Notice(isChanged ? .keyChanged : .nothingChanged, of: config.id))
      } catch {
        if let error = error as? RPCError, error.needsConfirmation { throw error }
        let problem = Problem(catching: error)
        let mistakes = items.isEmpty ? form.mistakes(problem) : Mistakes(items: items)
        guard let mistakes else { throw problem }
        return try await page(
          exchange, visitor, config, form, mistakes: mistakes, mayStoreAnyway: error.isDoubt)
      }
    }
  }

  private func updateNotes(_ exchange: Exchange) async throws -> Response {
    let address = "/providers/\(exchange.variable("id"))"
    return try await portal.forVisitorsForm(exchange, page: address) { visitor, data in
      let notes = KeyNotesForm(data)
      let config = try await stored(exchange, visitor)
      let items = notes.mistakes
      do {
        guard items.isEmpty else { throw Problem(.badRequest) }
        let changed = try await portal.services.vault.updateProviderConfig(
          notes.request(for: config, etag: data["etag"]), options: visitor.options(for: exchange))
        let isChanged = changed.etag != config.etag
        return portal.redirect(
          to: address, notice: Notice(isChanged ? .keyChanged : .nothingChanged, of: config.id))
      } catch {
        let problem = Problem(catching: error)
        let mistakes =
          problem.status == .preconditionFailed
          ? Mistakes(ProviderForm.changedMeanwhile)
          : items.isEmpty
            ? Mistakes(problem, labels: KeyNotesForm.labels) : Mistakes(items: items)
        guard let mistakes else { throw problem }
        return try await page(
          exchange, visitor, config, ProviderForm(config), notes: notes, mistakes: mistakes)
      }
    }
  }

  private func setEnabled(_ exchange: Exchange, _ enabled: Bool) async throws -> Response {
    try await portal.forVisitorsForm(exchange, page: KeyListPage.section) { visitor, form in
      let id = exchange.variable("id")
      let options = visitor.options(for: exchange)
      if enabled {
        _ = try await portal.services.vault.enableProviderConfig(
          VaultAPI.EnableProviderConfigRequest(id: id), options: options)
      } else {
        _ = try await portal.services.vault.disableProviderConfig(
          VaultAPI.DisableProviderConfigRequest(id: id), options: options)
      }
      return portal.redirect(
        to: place(form, id), notice: Notice(enabled ? .keyEnabled : .keyDisabled, of: id))
    }
  }

  private func test(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange, page: KeyListPage.section) { visitor, form in
      let id = exchange.variable("id")
      let result = try await portal.tester.test(id: id, for: visitor, exchange)
      guard Self.isOnPage(form) else {
        return portal.redirect(to: place(form, id), notice: Notice(.keyTested, of: id))
      }
      let sealed = SessionSeal(visitor)?.seal(result.words, as: .testResult)
      return portal.redirect(to: "/providers/\(id)" + (sealed.map { "?test=\($0)" } ?? ""))
    }
  }

  /// Whether the form is this page's; a notice's Undo and a list's menu are on others.
  private static func isOnPage(_ form: FormData) -> Bool { form["back"].hasBytes(of: "page") }

  /// Where the form was: this page, or the list's row.
  private func place(_ form: FormData, _ id: String) -> String {
    Self.isOnPage(form) ? "/providers/\(id)" : KeyBack(form["back"]).row(id)
  }
}

/// The last time that a key failed.
struct KeyFailure: Sendable {
  let text: String
  let time: Moment
  /// Since the last use that went well.
  let count: Int
}

/// One thing that happened to a key.
struct KeyEvent: Sendable {
  let id: String
  let text: String
  let state: StatePill
  let time: Moment?

  init(_ event: AuditAPI.AuditEvent) {
    id = event.id
    text = AuditActionName.name(of: event.action)
    state = StatePill(event.outcome)
    time = event.time.map { Moment($0) }
  }
}

extension GatewayAPI.KeyTest {
  /// Our sentence, and the provider's own words behind it.
  var words: String {
    providerMessage.isEmpty ? message : "\(message) It says: \(providerMessage)"
  }
}

extension Error {
  /// Whether the vault would store the key if its owner insists.
  var isDoubt: Bool {
    guard let error = self as? RPCError else { return false }
    return error.details.contains { detail in
      guard case .errorInfo(let reason, _) = detail else { return false }
      return reason.utf8.elementsEqual("DOUBTFUL_KEY".utf8)
    }
  }
}
