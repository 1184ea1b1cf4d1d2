import FoundationEssentials
import Protobuf
import ServiceAPI

/// The `Set-Cookie` value for a new session.
enum SessionCookieText {
  /// The browser forgets the cookie when the session ends at the latest.
  static func of(_ session: AuthAPI.CreateSessionResponse, cookies: PortalCookies) -> String {
    let secondsLeft = session.expireTime.map { end in
      let (left, overflows) = end.seconds.subtractingReportingOverflow(Timestamp(Date()).seconds)
      return overflows ? 0 : max(0, Int(left))
    }
    return cookies.session.setting(session.sessionToken, maxAgeSeconds: secondsLeft)
  }
}
