import Backend
import Edge
import HTTPTypes
import ServiceAPI

/// Everything around a page's own content.
struct Frame: Sendable {
  /// Whom the frame is drawn for.
  enum Audience: Sendable {
    case stranger
    case person(email: String, role: AuthAPI.Account.Role)
    /// There is a session, and `auth` can't say whose.
    case unknown

    static func of(_ visitor: Visitor) -> Audience {
      .person(email: visitor.account.email, role: visitor.account.role)
    }
  }

  /// One place of the side bar, as the template draws it.
  struct Section: Sendable {
    let name: String
    let href: String
    let icon: String
    let isCurrent: Bool
    /// How many things of it need attention; nil for none.
    let count: Int?
  }

  let title: String
  /// The path of the section that the page belongs to.
  var section = ""
  var audience = Audience.stranger
  /// Goes into every form of the page, masked.
  var formToken = ""
  var preferences = Preferences()
  /// How many things of a section need attention, by its path.
  var counts: [String: Int] = [:]
  /// File names of the modules that the page needs beside those of every page.
  var modules: [StaticAssets.Module] = []
  /// Whether the client takes gzip, and the page holds nothing that its size must not tell of.
  var mayCompress = false

  var email: String? {
    if case .person(let email, _) = audience { email } else { nil }
  }

  var isStranger: Bool {
    if case .stranger = audience { true } else { false }
  }

  private typealias Place = (name: String, href: String, icon: Icon)

  private static let places: [Place] = [
    ("Overview", "/", .overview), ("Provider keys", "/providers", .keys),
    ("Access tokens", "/access-tokens", .tokens), ("Usage", UsagePage.section, .usage),
    ("Audit log", "/audit", .audit), ("Settings", "/settings", .settings),
  ]
  /// What only some roles have, behind what everybody has.
  private static let placesOfRoles: [(roles: [AuthAPI.Account.Role], place: Place)] = [
    ([.admin], ("Administration", "/users", .administration))
  ]

  private var role: AuthAPI.Account.Role {
    if case .person(_, let role) = audience { role } else { .user }
  }

  var sections: [Section] {
    let places = Self.places + Self.placesOfRoles.filter { $0.roles.contains(role) }.map(\.place)
    return places.map { place in
      Section(
        name: place.name, href: place.href, icon: place.icon.svg,
        isCurrent: place.href == section, count: counts[place.href].flatMap { $0 > 0 ? $0 : nil })
    }
  }
}

/// What a person prefers, as their browser remembers it.
struct Preferences: Sendable {
  enum Theme: String, Sendable, CaseIterable {
    case light, dark
  }

  /// Nil follows the system.
  var theme: Theme?
  var zone = TimeZoneRules.utc
  /// Whether the zone was chosen, so that scripts leave times as they are.
  var isZoneChosen = false
  /// Whether the check list for newcomers is put away.
  var hidesStart = false

  init() {}

  init(_ headers: HTTPFields, cookies: PortalCookies, zones: ZoneDatabase) {
    theme = cookies.theme.value(in: headers).flatMap(Theme.init(rawValue:))
    hidesStart = cookies.start.value(in: headers) != nil
    // A slash can't stand in a cookie of ours unquoted, so a point stands for it.
    if let name = cookies.zone.value(in: headers), let zone = zones.zone(cookieText: name) {
      self.zone = zone
      isZoneChosen = true
    }
  }
}

/// The small line drawings of the side bar and of empty pages, in 24 by 24.
enum Icon: String, Sendable, CaseIterable {
  case overview = "M4 12 12 4l8 8M6 10v10h12V10"
  case keys = "M12 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0ZM11 11l9 9M16 16l2-2"
  case tokens =
    "M3 8a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2ZM7 12h4M15 12h2"
  case usage = "M4 20V10M10 20V4M16 20v-7M21 20H3"
  case audit = "M4 6h16M4 12h16M4 18h10"
  case settings =
    "M15 12a3 3 0 1 1-6 0 3 3 0 0 1 6 0ZM12 3v3M12 18v3M3 12h3M18 12h3M6 6l2 2M16 16l2 2"
  case administration = "M12 3 5 6v6c0 4.5 3 7.5 7 9 4-1.5 7-4.5 7-9V6z"
  case search = "M17 10a7 7 0 1 1-14 0 7 7 0 0 1 14 0ZM15 15l6 6"

  var svg: String {
    "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"\(rawValue)\"/></svg>"
  }
}
