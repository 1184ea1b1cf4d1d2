import Cryptography
import FoundationEssentials
package import Identity
import Providers
import Receipts
import UseCases

/// What came of importing a key.
package struct ImportResult: Sendable, Hashable {
  package enum Outcome: Sendable, Hashable {
    case imported
    /// The same key and endpoint are stored under this provider and label.
    case alreadyPresent
    /// Another key or endpoint is stored there; nothing was changed.
    case conflict
  }

  package let outcome: Outcome
  /// What is stored; nil when nothing is, as after a successful dry run.
  package let config: ProviderConfig?

  package init(outcome: Outcome, config: ProviderConfig?) {
    self.outcome = outcome
    self.config = config
  }
}

extension VaultService {
  /// Stores a key unless the same one is there already.
  ///
  /// With `replace`, another key or endpoint that is stored there gives way.
  ///
  /// With `validateOnly`, says what would happen and stores nothing; when a stored key had to be
  /// opened to say it, that leaves a receipt all the same.
  package func importConfig(
    _ new: NewConfig, validateOnly: Bool, replace: Bool = false, for caller: Caller,
    from origin: CallOrigin
  ) async throws(VaultError) -> ImportResult {
    try await door.perform(.providerConfigImport, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<ImportResult> in
      let draft = try ConfigDraft(new, catalogue: catalogue, at: door.now)
      entry.isAbout(provider: draft.provider.id, label: draft.label)
      if validateOnly { entry.set("validateOnly", .flag(true)) }
      if let stored = try await present(draft, for: caller) {
        let act = try compare(draft, with: stored, &entry)
        guard case .failed = act, replace, !validateOnly else { return act }
        return .committed(try await self.replace(stored, by: new, for: caller, &entry))
      }
      if validateOnly { return .looked(ImportResult(outcome: .imported, config: nil)) }
      do throws(VaultError) {
        let config = try await insert(draft, for: caller, &entry)
        return .committed(ImportResult(outcome: .imported, config: config))
      } catch {
        // Somebody stored one between our look and our insert: say which.
        guard case .alreadyExists = error, let stored = try await present(draft, for: caller)
        else { throw error }
        return try compare(draft, with: stored, &entry)
      }
    }
  }

  private func replace(
    _ stored: StoredConfig, by new: NewConfig, for caller: Caller, _ entry: inout Entry
  ) async throws(VaultError) -> ImportResult {
    try requireConfirmation(of: caller)
    entry.set("replaced", .flag(true))
    let patch = ConfigPatch(
      label: nil, apiKey: new.apiKey, baseURL: new.baseURL ?? "", enabled: nil)
    let time = door.now
    _ = try await sealingDataKey(of: caller.userID)
    let config = try await change(stored.config.id.text, of: caller, &entry) {
      (stored, dataKey) throws(VaultError) in
      let applied = try apply(patch, to: &stored, sealingWith: dataKey, at: time)
      return .update(sealCount: applied.sealCount, former: applied.former)
    }
    return ImportResult(outcome: .imported, config: config)
  }

  private func present(
    _ draft: ConfigDraft, for caller: Caller
  ) async throws(VaultError) -> StoredConfig? {
    try await store.storedConfig(
      provider: draft.provider.id, label: draft.label, of: caller.userID)
  }

  /// Opens what is stored and compares it in constant time.
  private func compare(
    _ draft: ConfigDraft, with stored: StoredConfig, _ entry: inout Entry
  ) throws(VaultError) -> Act<ImportResult> {
    entry.isAbout(stored.config)
    let key = try cipher.openKey(of: stored)
    let url = try cipher.openURL(of: stored)
    guard key.constantTimeEquals(draft.key.bytes), url == draft.endpoint.url?.description else {
      return .failed(
        ImportResult(outcome: .conflict, config: stored.config), reason: "conflict")
    }
    entry.set("result", .text("already-present"))
    return .succeeded(ImportResult(outcome: .alreadyPresent, config: stored.config))
  }
}
