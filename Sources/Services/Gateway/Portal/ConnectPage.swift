import Backend
import Edge
import Providers
import RPC
import ServiceAPI

/// The page that says how a program is pointed at the portal.
struct ConnectPage: Sendable {
  private static let rows: Int32 = 200

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/connect", .page) { exchange in
        let parameters = try exchange.parameters()
        func parameter(_ name: String) -> String {
          parameters.first { $0.name == name }?.value ?? ""
        }
        let (key, provider) = (parameter("key"), parameter("provider"))
        return try await portal.forVisitor(exchange) {
          try await show(exchange, $0, key: key, provider: provider)
        }
      }
    ]
  }

  /// Of a key, or of a provider that the visitor has no key of yet.
  private func show(
    _ exchange: Exchange, _ visitor: Visitor, key: String, provider: String
  ) async throws -> Response {
    let configs = try await portal.services.vault.listProviderConfigs(
      VaultAPI.ListProviderConfigsRequest(pageSize: Self.rows, pageToken: ""),
      options: visitor.options(for: exchange)
    ).providerConfigs
    let chosen =
      configs.first { $0.id == key } ?? configs.first { $0.provider == provider }
      ?? (provider.isEmpty ? configs.first : nil)
    let id = chosen?.provider ?? portal.catalogue.provider(id: provider)?.id ?? "openai"
    let address =
      id == "custom"
      ? "\(portal.publicOrigin)/proxy/custom/\(chosen?.label ?? "<label>")"
      : "\(portal.publicOrigin)/proxy/\(id)"
    return portal.page(
      exchange, visitor, "connect", title: "Point a program here", section: "",
      [
        "choice":
          (configs.isEmpty
          ? nil
          : Choice(
            "key", "Key", configs.map { ($0.id, portal.name(of: $0)) },
            selected: chosen?.id ?? "")) as Any,
        "hasNoKey": configs.isEmpty, "address": address,
        "snippets": Snippets(
          origin: portal.publicOrigin, provider: id, label: chosen?.label ?? ""),
        "provider": portal.catalogue.provider(id: id)?.displayName ?? id,
      ])
  }
}
