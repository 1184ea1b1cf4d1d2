import Backend
import Edge
import HTTPTypes
import RPC
import ServiceAPI

/// Keys that were replaced or deleted and can come back for a while, and the notes of one key.
struct FormerKeyPages: Sendable {
  /// A former key, as lists show it; never the key itself.
  struct Row: Sendable {
    let id: String
    let configID: String
    let name: String
    let maskedKey: String
    let endpoint: String?
    let ended: Moment?
    let destroyed: Moment?
  }

  static let deletedPage = "/providers/deleted"

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], Self.deletedPage, .page) { exchange in
        try await portal.forVisitor(exchange) { try await deleted(exchange, $0) }
      },
      try Edge.Route(["POST"], "/providers/{id}/undelete", .page) { try await undelete($0) },
      try Edge.Route(["GET"], "/providers/{id}/former", .page) { exchange in
        try await portal.forVisitor(exchange) { try await formerKeys(exchange, $0) }
      },
      try Edge.Route(["POST"], "/providers/{id}/former/{version}", .page) {
        try await restore($0)
      },
    ]
  }

  private func row(_ version: VaultAPI.ProviderConfigVersion) -> Row {
    Row(
      id: version.id, configID: version.configId,
      name: "\(portal.catalogue.name(of: version.provider)), \(version.label)",
      maskedKey: version.maskedKey.isEmpty ? "none" : version.maskedKey,
      endpoint: version.baseUrl, ended: version.endTime.map { Moment($0) },
      destroyed: version.destroyTime.map { Moment($0) })
  }

  // MARK: Deleted keys

  private func deleted(_ exchange: Exchange, _ visitor: Visitor) async throws -> Response {
    let rows = try await portal.services.vault.listDeletedProviderConfigs(
      VaultAPI.ListDeletedProviderConfigsRequest(), options: visitor.options(for: exchange)
    ).versions.map(row)
    return portal.page(
      exchange, visitor, "keys-deleted", title: "Deleted keys", section: KeyListPage.section,
      ["rows": rows, "hasRows": !rows.isEmpty])
  }

  private func undelete(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(exchange, page: Self.deletedPage) { visitor, _ in
      let config = try await portal.services.vault.undeleteProviderConfig(
        VaultAPI.UndeleteProviderConfigRequest(id: exchange.variable("id")),
        options: visitor.options(for: exchange))
      return portal.redirect(
        to: "/providers/\(config.id)", notice: Notice(.keyRestored, of: config.id))
    }
  }

  // MARK: Former keys of one configuration

  private func formerKeys(_ exchange: Exchange, _ visitor: Visitor) async throws -> Response {
    let (id, options) = (exchange.variable("id"), visitor.options(for: exchange))
    let config = try await portal.services.vault.getProviderConfig(
      VaultAPI.GetProviderConfigRequest(id: id), options: options)
    let rows = try await portal.services.vault.listProviderConfigVersions(
      VaultAPI.ListProviderConfigVersionsRequest(id: id), options: options
    ).versions.map(row)
    let name = "\(portal.catalogue.name(of: config.provider)), \(config.label)"
    return portal.page(
      exchange, visitor, "keys-former", title: "Former keys of \(name)",
      section: KeyListPage.section,
      [
        "id": config.id, "name": name, "etag": config.etag, "maskedKey": config.maskedKey,
        "rows": rows, "hasRows": !rows.isEmpty,
      ])
  }

  private func restore(_ exchange: Exchange) async throws -> Response {
    let id = exchange.variable("id")
    return try await portal.forVisitorsForm(exchange, page: "/providers/\(id)/former") {
      visitor, form in
      let config = try await portal.services.vault.restoreProviderConfigVersion(
        VaultAPI.RestoreProviderConfigVersionRequest(
          id: id, versionId: exchange.variable("version"), etag: form["etag"]),
        options: visitor.options(for: exchange))
      return portal.redirect(
        to: "/providers/\(config.id)", notice: Notice(.keyRestored, of: config.id))
    }
  }
}
