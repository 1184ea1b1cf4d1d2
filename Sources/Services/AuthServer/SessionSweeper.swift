import Auth
import Logging
import ServiceLifecycle

/// Removes sessions that are over, now and then; any number of processes may do it.
struct SessionSweeper: Service {
  static let interval: Duration = .seconds(3600)

  let auth: AuthService
  let logger: Logger

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        do throws(AuthError) {
          let count = try await auth.removeEndedSessions()
          logger.debug("removed ended sessions", metadata: ["count": "\(count)"])
        } catch {
          logger.warning("ended sessions could not be removed", metadata: ["error": "\(error)"])
        }
        try await Task.sleep(for: Self.interval)
      }
    }
  }
}
