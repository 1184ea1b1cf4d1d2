import Logging
import RPC
import ServiceAPI

/// Ends the session that a new log-in in the same browser replaces, so that its token is dead.
struct SessionEnd: Sendable {
  let services: Services
  let authenticator: Authenticator

  /// A failure is only logged: the new session is good all the same.
  func endReplaced(_ exchange: Exchange) async {
    do {
      guard let old = try await authenticator.pageVisitor(of: exchange) else { return }
      _ = try await services.auth.deleteCurrentSession(
        AuthAPI.DeleteCurrentSessionRequest(), options: old.options(for: exchange))
    } catch {
      exchange.logger.warning("a replaced session could not be ended")
    }
  }
}
