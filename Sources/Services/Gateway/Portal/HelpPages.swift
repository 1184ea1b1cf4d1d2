import Backend
import Edge
import Providers
import RPC
import ServiceAPI

/// The documentation that ships with the program, for whoever is there.
struct HelpPages: Sendable {
  /// A provider and what its users point at the portal.
  struct Provider: Sendable {
    let name: String
    let logo: String
    let path: String
    let variables: String
    let endpoint: String
  }

  struct Action: Sendable {
    let name: String
    let text: String
  }

  private static let pages = [
    (path: "/help", template: "help", title: "Help"),
    (path: "/help/providers", template: "help-providers", title: "Providers"),
    (path: "/help/security", template: "help-security", title: "How keys are kept"),
    (path: "/help/audit-events", template: "help-audit", title: "What the audit log says"),
  ]

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    var routes: [Edge.Route] = []
    for page in Self.pages {
      routes.append(
        try Edge.Route(["GET"], page.path, .page) { exchange in
          try await portal.anyonesPage(
            exchange, page.template, title: page.title,
            ["origin": portal.publicOrigin, "providers": providers, "actions": Self.actions])
        })
    }
    return routes
  }

  private var providers: [Provider] {
    portal.catalogue.providers.map { provider in
      Provider(
        name: provider.displayName, logo: portal.catalogue.logo(of: provider.id).svg,
        path: provider.id == "custom" ? "/proxy/custom/<label>" : "/proxy/\(provider.id)",
        variables: (provider.baseURLVariables.prefix(1) + provider.keyVariables.prefix(1))
          .joined(separator: ", "),
        endpoint: provider.endpoint == .required
          ? "your own" : provider.defaultBaseURL ?? "your own")
    }
  }

  private static let actions: [Action] = AuditActionName.labels
    .filter { !$0.label.isEmpty }.map { Action(name: $0.action, text: $0.label) }
}
