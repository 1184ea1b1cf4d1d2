import Identity
import Receipts
import UseCases

/// What has been destroyed of an account.
package struct DestroyedKeys: Sendable, Hashable {
  package let configCount: Int
  package let dataKeyCount: Int

  package init(configCount: Int, dataKeyCount: Int) {
    self.configCount = configCount
    self.dataKeyCount = dataKeyCount
  }
}

extension VaultService {
  /// Destroys the configurations of an account that is no more, and the data keys without which no
  /// copy of them opens, in a backup neither. Nothing is stored for the account again.
  ///
  /// It leaves one receipt, however often it is called.
  package func eraseAccount(
    _ id: String, by service: String
  ) async throws(VaultError) -> DestroyedKeys {
    try await door.perform(.accountErase, by: .service(service), from: CallOrigin()) {
      (entry) async throws(VaultError) -> Act<DestroyedKeys> in
      guard let account = UserID(id) else {
        throw .invalid(.accountID, reason: "must be the id of an account")
      }
      entry.show(in: account)
      entry.set(Receipt.Target(type: "account", id: account.text))
      let (draft, now) = (entry, door.now)
      let destroyed = try await store.eraseAccount(account) { destroyed in
        var entry = draft
        entry.set("providerConfigs", .number(destroyed.configCount))
        entry.set("dataKeys", .number(destroyed.dataKeyCount))
        return entry.success(at: now)
      }
      known.forget(account)
      cipher.cache.forget(account)
      return .committed(destroyed)
    }
  }
}
