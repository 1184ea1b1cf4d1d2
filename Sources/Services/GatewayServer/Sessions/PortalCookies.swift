/// The cookies of the portal.
struct PortalCookies: Sendable {
  static let formCookieSeconds = 3_600
  static let noticeCookieSeconds = 60

  /// Holds the session token.
  let session: PortalCookie
  /// Holds the token that forms without a session carry too.
  let form: PortalCookie
  /// Holds the name of the notice that the next page shows.
  let notice: PortalCookie

  init(isSecure: Bool) {
    session = PortalCookie("chatelaine-session", isSecure: isSecure)
    form = PortalCookie("chatelaine-form", isSecure: isSecure)
    notice = PortalCookie("chatelaine-notice", isSecure: isSecure)
  }
}
