import FoundationEssentials
import Protobuf
import ServiceAPI

/// The `Set-Cookie` value for a new session.
enum SessionCookieText {
  /// The browser forgets the cookie when the session ends at the latest.
  static func of(_ session: AuthAPI.CreateSessionResponse, cookies: PortalCookies) -> String {
    let secondsLeft = session.expireTime.map { end in
      max(0, Int(end.seconds) - Int(Date().timeIntervalSince1970))
    }
    return cookies.session.setting(session.sessionToken, maxAgeSeconds: secondsLeft)
  }
}
