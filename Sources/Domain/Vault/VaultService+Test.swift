import Cryptography
import FoundationEssentials
package import Identity
package import Providers
package import Receipts
import UseCases

/// A key that is about to be shown to its provider, to see whether it takes it.
package struct KeyUnderTest: Sendable {
  /// Nil for a key that is not stored.
  package let config: ProviderConfig?
  package let provider: Provider
  /// Empty when there is none.
  package let key: APIKey
  /// The user's endpoint; nil where the provider's own is used.
  package let baseURL: String?
  /// What was committed for it.
  package let receipt: Receipt
}

extension VaultService {
  /// Opens a stored key for a test, also a disabled one, or the configuration's second key. The
  /// receipt is committed before the key is returned.
  package func resolveForTest(
    _ id: String, isSecond: Bool = false, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> KeyUnderTest {
    try await door.perform(.credentialTest, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<KeyUnderTest> in
      let id = try Self.configID(id)
      entry.isAbout(id: id)
      guard let stored = try await store.storedConfig(id, of: caller.userID) else {
        throw .notFound
      }
      entry.isAbout(stored.config)
      try Self.check(caller.limits, stored.config.provider, stored.config.label)
      var slot = KeySlot(sealed: stored.sealedKey, keyVersion: stored.config.keyVersion)
      if isSecond {
        guard let second = stored.config.secondKey, let sealed = stored.sealedSecondKey else {
          throw .noSecondKey
        }
        slot = KeySlot(sealed: sealed, keyVersion: second.keyVersion)
      }
      entry.set(Entry.keyVersion, .number(slot.keyVersion))
      let provider = try catalogue.known(stored.config.provider)
      entry.set("purpose", .text(try provider.testable().purpose))
      let (key, baseURL) = try openEvenIfDisabled(slot, of: stored, of: provider)
      return .committed(
        try await record(entry) { receipt in
          KeyUnderTest(
            config: stored.config, provider: provider, key: APIKey(bytes: key), baseURL: baseURL,
            receipt: receipt)
        })
    }
  }

  /// Checks a key that is not stored, for a test. It leaves a receipt too: whoever tries stolen
  /// keys one after another would otherwise leave no trace.
  package func resolveForTest(
    _ new: NewConfig, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> KeyUnderTest {
    try await door.perform(.credentialTest, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<KeyUnderTest> in
      let draft = try ConfigDraft(new, catalogue: catalogue, at: door.now)
      entry.isAbout(provider: draft.provider.id, label: nil)
      try Self.check(caller.limits, draft.provider.id, nil)
      entry.set("origin", .text(draft.endpoint.origin))
      entry.set("purpose", .text(try draft.provider.testable().purpose))
      return .committed(
        try await record(entry) { receipt in
          KeyUnderTest(
            config: nil, provider: draft.provider, key: draft.key,
            baseURL: draft.endpoint.url?.description, receipt: receipt)
        })
    }
  }

  private func record(
    _ entry: Entry, _ result: (Receipt) -> KeyUnderTest
  ) async throws(VaultError) -> KeyUnderTest {
    let receipt = entry.success(at: door.now)
    try await store.record(receipt, use: nil)
    return result(receipt)
  }
}

extension Provider {
  fileprivate func testable() throws(VaultError) -> TestCall {
    guard let test else { throw .notTestable(provider: displayName) }
    return test
  }
}
