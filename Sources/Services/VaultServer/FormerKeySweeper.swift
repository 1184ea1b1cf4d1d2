import Logging
import ServiceLifecycle
import Vault

/// Destroys former keys whose time has ended, and notes which owners are to be told of a date; any
/// number of processes may do it.
struct FormerKeySweeper: Service {
  static let interval: Duration = .seconds(60)

  let vault: VaultService
  let logger: Logger

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        do throws(VaultError) {
          let count = try await vault.sweep()
          if count > 0 {
            logger.info("destroyed former keys", metadata: ["count": "\(count)"])
          }
        } catch {
          logger.warning("former keys could not be destroyed", metadata: ["error": "\(error)"])
        }
        try await Task.sleep(for: Self.interval)
      }
    }
  }
}
