import FoundationEssentials
import Logging
import Postgres
import ServiceLifecycle
import Vault

/// Takes the operator's changes of the master keys into use while the vault runs, and tells in the
/// database which keys this vault holds.
///
/// Looks at the settings' files again and again, as is done for certificates: that works on every
/// file system, and through the symbolic links of Kubernetes.
struct KeyringWatch: Service {
  /// How soon a changed file is in use.
  static let interval: Duration = .seconds(2)

  let keyring: Keyring
  /// Reads the settings anew; throws what is wrong with them.
  let read: @Sendable () throws -> Keyring
  let register: KeyRegister
  let logger: Logger

  func run() async throws {
    let instance = UUID()
    try? await cancelWhenGracefulShutdown {
      var complaint: String?
      while true {
        do {
          try await self.look()
          complaint = nil
        } catch {
          // Once, however long it stays so.
          if complaint != "\(error)" {
            complaint = "\(error)"
            self.logger.error(
              "changed master keys can't be used; the old ones stay in use",
              metadata: ["reason": "\(error)"])
          }
        }
        do {
          try await self.register.note(self.keyring.ids, of: instance)
        } catch {
          self.logger.debug(
            "the database can't be told of the keys", metadata: ["error": "\(error)"])
        }
        try await Task.sleep(for: Self.interval)
      }
    }
    try? await register.forget(instance)
  }

  /// Takes the keys that the files hold now, unless something that is stored would open no more.
  private func look() async throws {
    let new = try read()
    guard new.ids != keyring.ids else { return }
    try await register.accept(new)
    keyring.replace(with: new)
    logger.notice(
      "changed master keys are in use",
      metadata: ["current": "\(new.currentID)", "keys": "\(new.ids.count)"])
  }
}
