import Backend
import Edge
import Encodings
import HTTPTypes
import HummingbirdCore
import Providers
import RPC
import ServiceAPI

/// The pages on which people keep their provider keys.
struct ProviderPages: Sendable {
  static let section = "/providers"
  static let rowsPerPage: Int32 = 100

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/providers", .page) { try await list($0) },
      try Edge.Route(["GET"], "/providers/new", .page) { try await newPage($0) },
      try Edge.Route(["POST"], "/providers/new", .page) { try await create($0) },
      try Edge.Route(["GET"], "/providers/{id}", .page) { try await editPage($0) },
      try Edge.Route(["POST"], "/providers/{id}", .page) { try await update($0) },
      try Edge.Route(["POST"], "/providers/{id}/enable", .page) { try await setEnabled($0, true) },
      try Edge.Route(["POST"], "/providers/{id}/disable", .page) {
        try await setEnabled($0, false)
      },
      try Edge.Route(["GET"], "/providers/{id}/delete", .page) { try await deletePage($0) },
      try Edge.Route(["POST"], "/providers/{id}/delete", .page) { try await delete($0) },
    ]
  }

  // MARK: List

  private func list(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitor(exchange) { visitor in
      let pageToken = try exchange.parameters().first { $0.name == "page" }?.value ?? ""
      let answer = try await portal.services.vault.listProviderConfigs(
        VaultAPI.ListProviderConfigsRequest(pageSize: Self.rowsPerPage, pageToken: pageToken),
        options: visitor.options(for: exchange))
      let rows = answer.providerConfigs.map { ProviderRow($0, catalogue: portal.catalogue) }
      return portal.page(
        exchange, visitor, "providers", title: "Provider keys", section: Self.section,
        [
          "rows": rows, "hasRows": !rows.isEmpty,
          "nextPage": nextPage(answer.nextPageToken) as Any,
        ])
    }
  }

  private func nextPage(_ token: String) -> String? {
    token.isEmpty ? nil : "/providers?page=\(PercentCoding.encode(token))"
  }

  // MARK: New

  private func newPage(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitor(exchange) { visitor in
      newPage(exchange, visitor, ProviderForm())
    }
  }

  private func newPage(
    _ exchange: Exchange, _ visitor: Visitor, _ form: ProviderForm, mistakes: Mistakes? = nil
  ) -> Response {
    portal.page(
      exchange, visitor, "provider-new",
      title: mistakes == nil ? "Add a provider key" : "Error: add a provider key",
      section: Self.section,
      [
        "mistakes": mistakes as Any,
        "provider": form.providerChoice(portal.catalogue, mistakes),
        "label": form.labelField(
          hint: "To tell several keys of one provider apart. Left empty it is “default”.",
          isOptional: true, mistakes),
        "apiKey": form.keyField(
          hint: "It is sealed at once and never shown again.", isOptional: false, mistakes),
        "baseUrl": form.endpointField(
          hint: "For a custom endpoint, e.g. https://llm.example.com/v1. "
            + "Leave it empty to use the provider's own.", mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func create(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange) { visitor, data in
      let form = ProviderForm(data)
      do {
        try form.checkEndpoint(portal.checkEndpoint)
        _ = try await portal.services.vault.createProviderConfig(
          VaultAPI.CreateProviderConfigRequest(
            provider: form.provider, label: form.label, apiKey: form.apiKey,
            baseUrl: form.baseURL.isEmpty ? nil : form.baseURL),
          options: visitor.options(for: exchange))
      } catch {
        let problem = Problem(catching: error)
        guard let mistakes = form.mistakes(problem) else { throw problem }
        return newPage(exchange, visitor, form, mistakes: mistakes)
      }
      return portal.redirect(to: "/providers", notice: .keyStored)
    }
  }

  // MARK: Change

  private func stored(
    _ exchange: Exchange, _ visitor: Visitor
  ) async throws -> VaultAPI.ProviderConfig {
    try await portal.services.vault.getProviderConfig(
      VaultAPI.GetProviderConfigRequest(id: exchange.variable("id")),
      options: visitor.options(for: exchange))
  }

  private func editPage(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitor(exchange) { visitor in
      let config = try await stored(exchange, visitor)
      return editPage(exchange, visitor, config, ProviderForm(label: config.label))
    }
  }

  private func editPage(
    _ exchange: Exchange, _ visitor: Visitor, _ config: VaultAPI.ProviderConfig,
    _ form: ProviderForm, mistakes: Mistakes? = nil
  ) -> Response {
    let row = ProviderRow(config, catalogue: portal.catalogue)
    let mayHaveEndpoint = portal.catalogue.provider(id: config.provider)?.endpoint != .forbidden
    var content: [String: Any] = row.content
    content["mistakes"] = mistakes
    content["label"] = form.labelField(hint: nil, isOptional: false, mistakes)
    content["apiKey"] = form.keyField(
      hint: "Leave it empty to keep the key that is stored.", isOptional: true, mistakes)
    if mayHaveEndpoint {
      content["baseUrl"] = form.endpointField(
        hint: "Leave it empty to keep what is stored. "
          + "A new host needs the key again, because a key is bound to its host.", mistakes)
    }
    return portal.page(
      exchange, visitor, "provider-edit",
      title: mistakes == nil ? "Edit a provider key" : "Error: edit a provider key",
      section: Self.section, content, status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func update(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange) { visitor, data in
      let form = ProviderForm(data)
      let config = try await stored(exchange, visitor)
      do {
        try form.checkEndpoint(portal.checkEndpoint)
        _ = try await portal.services.vault.updateProviderConfig(
          VaultAPI.UpdateProviderConfigRequest(
            id: config.id, label: form.label == config.label ? nil : form.label,
            apiKey: form.apiKey.isEmpty ? nil : form.apiKey,
            baseUrl: form.baseURL.isEmpty ? nil : form.baseURL),
          options: visitor.options(for: exchange))
      } catch {
        let problem = Problem(catching: error)
        guard let mistakes = form.mistakes(problem) else { throw problem }
        return editPage(exchange, visitor, config, form, mistakes: mistakes)
      }
      return portal.redirect(to: "/providers", notice: .keyChanged)
    }
  }

  private func setEnabled(_ exchange: Exchange, _ enabled: Bool) async throws -> Response {
    try await portal.forVisitorsForm(exchange) { visitor, _ in
      let id = exchange.variable("id")
      let options = visitor.options(for: exchange)
      if enabled {
        _ = try await portal.services.vault.enableProviderConfig(
          VaultAPI.EnableProviderConfigRequest(id: id), options: options)
      } else {
        _ = try await portal.services.vault.disableProviderConfig(
          VaultAPI.DisableProviderConfigRequest(id: id), options: options)
      }
      return portal.redirect(to: "/providers", notice: enabled ? .keyEnabled : .keyDisabled)
    }
  }

  // MARK: Delete

  private func deletePage(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitor(exchange) { visitor in
      let config = try await stored(exchange, visitor)
      return portal.page(
        exchange, visitor, "provider-delete", title: "Delete a provider key",
        section: Self.section, ProviderRow(config, catalogue: portal.catalogue).content)
    }
  }

  private func delete(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange) { visitor, _ in
      _ = try await portal.services.vault.deleteProviderConfig(
        VaultAPI.DeleteProviderConfigRequest(id: exchange.variable("id")),
        options: visitor.options(for: exchange))
      return portal.redirect(to: "/providers", notice: .keyDeleted)
    }
  }
}
