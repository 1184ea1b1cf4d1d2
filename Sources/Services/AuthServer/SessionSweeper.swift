import Auth
import Logging
import ServiceLifecycle

/// Removes sessions and links that are over, now and then; any number of processes may do it.
struct SessionSweeper: Service {
  static let interval: Duration = .seconds(3600)

  let auth: AuthService
  let accounts: AccountService
  let logger: Logger

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        do throws(AuthError) {
          let count = try await auth.removeEndedSessions()
          let linkCount = try await accounts.removeEndedLinks()
          logger.debug(
            "removed ended sessions", metadata: ["count": "\(count)", "links": "\(linkCount)"])
        } catch {
          logger.warning("ended sessions could not be removed", metadata: ["error": "\(error)"])
        }
        try await Task.sleep(for: Self.interval)
      }
    }
  }
}
