import Backend
import Edge
import HTTPTypes
import Protobuf
import RPC
import ServiceAPI

/// The page on which people say how the portal looks to them.
struct SettingsPage: Sendable {
  /// One of a group of radio buttons.
  struct Option: Sendable {
    let value: String
    let text: String
    let isSelected: Bool
  }

  static let section = "/settings"
  private static let browserZone = ""
  private static let themes = [("", "As the system"), ("light", "Light"), ("dark", "Dark")]
  private static let labels = ["theme": "Theme", "zone": "Time zone"]

  let portal: Portal

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/settings", .page) { exchange in
        try await portal.forVisitor(exchange) { show(exchange, $0) }
      },
      try Edge.Route(["POST"], "/settings", .page) { try await save($0) },
    ]
  }

  private func show(
    _ exchange: Exchange, _ visitor: Visitor, mistakes: Mistakes? = nil
  ) -> Response {
    let preferences = portal.preferences(exchange)
    let theme = preferences.theme?.rawValue ?? ""
    let account = visitor.account
    return portal.page(
      exchange, visitor, "settings",
      title: mistakes == nil ? "Settings" : "Error: settings", section: Self.section,
      [
        "mistakes": mistakes as Any, "email": account.email,
        "isAdmin": account.role == .admin,
        "displayName": (account.displayName.isEmpty ? nil : account.displayName) as Any,
        "created": account.createTime.map { Moment($0) } as Any,
        "themes": Self.themes.map { Option(value: $0.0, text: $0.1, isSelected: $0.0 == theme) },
        "zoneChoice": Choice(
          "zone", "Time zone",
          [(Self.browserZone, "As the browser; UTC without scripts")]
            + portal.zones.names.map { ($0, $0) },
          selected: preferences.isZoneChosen ? preferences.zone.name : Self.browserZone,
          hint: "Days of charts and filters begin at its midnight.", mistakes: mistakes),
      ], status: mistakes == nil ? .ok : .unprocessableContent)
  }

  private func save(_ exchange: Exchange) async throws -> Response {
    try await portal.forVisitorsForm(
      exchange, page: Self.section, keeping: ["theme", "zone"]
    ) { visitor, form in
      let (theme, zone) = (form["theme"], form["zone"])
      var wrong: [Mistakes.Item] = []
      if !Self.themes.contains(where: { $0.0 == theme }) {
        wrong.append(.init("theme", label: "Theme", "Choose one of the three"))
      }
      if !zone.isEmpty, portal.zones.zone(named: zone) == nil {
        wrong.append(.init("zone", label: "Time zone", "Choose one from the list"))
      }
      guard wrong.isEmpty else {
        return show(exchange, visitor, mistakes: Mistakes(items: wrong))
      }
      var response = portal.redirect(to: Self.section, notice: Notice(.settingsSaved))
      response.headers.append(cookie: kept(theme, in: portal.cookies.theme))
      response.headers.append(
        cookie: kept(ZoneDatabase.cookieText(of: zone), in: portal.cookies.zone))
      return response
    }
  }

  private func kept(_ value: String, in cookie: PortalCookie) -> String {
    value.isEmpty
      ? cookie.clearing()
      : cookie.setting(value, maxAgeSeconds: PortalCookies.preferenceCookieSeconds)
  }
}
