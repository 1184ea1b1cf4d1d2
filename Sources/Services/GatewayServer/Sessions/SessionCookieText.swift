import FoundationEssentials
import Protobuf
import ServiceAPI

/// The `Set-Cookie` value for a new session.
enum SessionCookieText {
  /// The browser forgets the cookie when the session ends at the latest.
  static func of(_ session: AuthAPI.CreateSessionResponse, cookies: PortalCookies) -> String {
    let secondsLeft = session.expireTime.map { end in
      // What auth says may lie anywhere in 64 bits.
      let (left, hasOverflown) = end.seconds.subtractingReportingOverflow(
        Int64(Date().timeIntervalSince1970))
      return hasOverflown ? 0 : Int(max(0, left))
    }
    return cookies.session.setting(session.sessionToken, maxAgeSeconds: secondsLeft)
  }
}
