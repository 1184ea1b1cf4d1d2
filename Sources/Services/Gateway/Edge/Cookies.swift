package import HTTPTypes

/// Cookies of requests and responses (RFC 6265), in the few forms that the gateway uses.
package enum CookieJar {
  /// The value of a cookie of this name; of several, the first. Nil when there is none.
  package static func value(of name: String, in headers: HTTPFields) -> String? {
    for header in headers[values: .cookie] {
      for pair in header.split(atByte: ";") {
        let parts = pair.split(atByte: "=", maxSplits: 1, omittingEmpty: false)
        if parts.count == 2, parts[0].trimmingBlanks().hasBytes(of: name) {
          return parts[1].trimmingBlanks()
        }
      }
    }
    return nil
  }
}

/// A cookie that scripts cannot read and other sites cannot send along with a form.
package struct PortalCookie: Sendable {
  /// With `__Host-` in front when the portal is reached by HTTPS: browsers then refuse it from
  /// anywhere but this very host.
  package let name: String
  private let isSecure: Bool

  package init(_ name: String, isSecure: Bool) {
    self.name = isSecure ? "__Host-\(name)" : name
    self.isSecure = isSecure
  }

  package func value(in headers: HTTPFields) -> String? {
    CookieJar.value(of: name, in: headers).flatMap { $0.isEmpty ? nil : $0 }
  }

  /// A `Set-Cookie` value; without `maxAgeSeconds` it lasts as long as the browser's session.
  /// `value` must consist of characters that need no quoting.
  package func setting(_ value: String, maxAgeSeconds: Int? = nil) -> String {
    var text = "\(name)=\(value); Path=/; HttpOnly; SameSite=Lax"
    if let maxAgeSeconds { text += "; Max-Age=\(maxAgeSeconds)" }
    return isSecure ? text + "; Secure" : text
  }

  package func clearing() -> String { setting("", maxAgeSeconds: 0) }
}

/// The cookies of the portal.
package struct PortalCookies: Sendable {
  package static let formCookieSeconds = 3_600
  package static let noticeCookieSeconds = 60
  /// How long a browser remembers what its person prefers: a year, renewed at each change.
  package static let preferenceCookieSeconds = 31_536_000

  /// Holds the session token.
  package let session: PortalCookie
  /// Holds the token that forms without a session carry too.
  package let form: PortalCookie
  package static let federationCookieSeconds = 600
  package static let deviceCookieSeconds = 400 * 86_400

  /// Holds, sealed, the way to a log-in provider for as long as its person is there.
  package let federation: PortalCookie
  /// Holds what tells a device that has logged in before from others; lets nobody in.
  package let device: PortalCookie
  /// Holds the name of the notice that the next page shows.
  package let notice: PortalCookie
  /// Holds `light` or `dark`; without it the system's theme is followed.
  package let theme: PortalCookie
  /// Holds the IANA name of the time zone in which times are shown.
  package let zone: PortalCookie
  /// Holds `hidden` when the check list for newcomers is not wanted.
  package let start: PortalCookie
  /// Holds a new access token, sealed, until it has been shown.
  package let token: PortalCookie
  /// How long somebody may take for the code of their authenticator app.
  package static let challengeCookieSeconds = 600

  /// Holds what a log-in gave that a code has yet to complete.
  package let challenge: PortalCookie
  /// Holds an authenticator app's secret, sealed, until its first code is entered.
  package let authenticator: PortalCookie
  /// Holds new recovery codes, sealed, until they have been shown.
  package let codes: PortalCookie

  package init(isSecure: Bool) {
    session = PortalCookie("chatelaine-session", isSecure: isSecure)
    form = PortalCookie("chatelaine-form", isSecure: isSecure)
    federation = PortalCookie("chatelaine-provider", isSecure: isSecure)
    device = PortalCookie("chatelaine-device", isSecure: isSecure)
    notice = PortalCookie("chatelaine-notice", isSecure: isSecure)
    theme = PortalCookie("chatelaine-theme", isSecure: isSecure)
    zone = PortalCookie("chatelaine-zone", isSecure: isSecure)
    start = PortalCookie("chatelaine-start", isSecure: isSecure)
    token = PortalCookie("chatelaine-token", isSecure: isSecure)
    challenge = PortalCookie("chatelaine-challenge", isSecure: isSecure)
    authenticator = PortalCookie("chatelaine-authenticator", isSecure: isSecure)
    codes = PortalCookie("chatelaine-codes", isSecure: isSecure)
  }
}

extension HTTPFields {
  package mutating func append(cookie: String) {
    append(HTTPField(name: .setCookie, value: cookie))
  }
}
