package import Logging
import ServiceLifecycle

/// Takes an operator's change of a setting into use while the process runs.
///
/// Looks at the setting's file again and again, as is done for certificates: that works on every
/// file system, and through the symbolic links of Kubernetes.
package struct SettingWatch: Service {
  /// How soon a changed file is in use.
  package static let interval: Duration = .seconds(2)

  private let name: String
  private let logger: Logger
  private let look: @Sendable () async throws -> String?

  /// - Parameters:
  ///   - name: what changes, for the log: `the keys of assertions`.
  ///   - look: reads the setting and takes it into use; returns what to say of a change, nil when
  ///     there was none, and throws what is wrong with it.
  package init(
    of name: String, logger: Logger, look: @escaping @Sendable () async throws -> String?
  ) {
    self.name = name
    self.logger = logger
    self.look = look
  }

  package func run() async throws {
    try? await cancelWhenGracefulShutdown {
      var complaint: String?
      while true {
        do {
          if let change = try await look() {
            logger.notice(
              "a changed setting is in use", metadata: ["of": "\(name)", "now": "\(change)"])
          }
          complaint = nil
        } catch {
          // Once, however long it stays so.
          if complaint != "\(error)" {
            complaint = "\(error)"
            logger.error(
              "a changed setting can't be used; the old one stays in use",
              metadata: ["of": "\(name)", "reason": "\(error)"])
          }
        }
        try await Task.sleep(for: Self.interval)
      }
    }
  }
}
