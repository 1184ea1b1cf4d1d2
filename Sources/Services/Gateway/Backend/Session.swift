package import Edge
import FoundationEssentials
import Logging
import Protobuf
import RPC
package import ServiceAPI

/// The `Set-Cookie` value for a new session.
package enum SessionCookieText {
  /// The browser forgets the cookie when the session ends at the latest.
  package static func of(_ session: AuthAPI.CreateSessionResponse, cookies: PortalCookies) -> String
  {
    let secondsLeft = session.expireTime.map { end in
      // What auth says may lie anywhere in 64 bits.
      let (left, hasOverflown) = end.seconds.subtractingReportingOverflow(
        Int64(Date().timeIntervalSince1970))
      return hasOverflown ? 0 : Int(max(0, left))
    }
    return cookies.session.setting(session.sessionToken, maxAgeSeconds: secondsLeft)
  }
}

/// Ends the session that a new log-in in the same browser replaces, so that its token is dead.
package struct SessionEnd: Sendable {
  let services: Services
  let authenticator: Authenticator

  package init(services: Services, authenticator: Authenticator) {
    self.services = services
    self.authenticator = authenticator
  }

  /// A failure is only logged: the new session is good all the same.
  package func endReplaced(_ exchange: Exchange) async {
    do {
      guard let old = try await authenticator.pageVisitor(of: exchange) else { return }
      _ = try await services.auth.deleteCurrentSession(
        AuthAPI.DeleteCurrentSessionRequest(), options: old.options(for: exchange))
    } catch {
      exchange.logger.warning("a replaced session could not be ended")
    }
  }
}
