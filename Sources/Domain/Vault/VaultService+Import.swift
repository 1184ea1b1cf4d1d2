internal import Cryptography
internal import FoundationEssentials
package import Identity
internal import Providers
internal import Receipts

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
  /// With `validateOnly`, says what would happen and stores nothing, not even a receipt.
  package func importConfig(
    _ new: NewConfig, validateOnly: Bool, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> ImportResult {
    let draft = try ConfigDraft(new, catalogue: catalogue)
    let receipt = ReceiptDraft(.providerConfigImport, caller, origin)
    if let stored = try await present(draft, for: caller) {
      return try await compare(draft, with: stored, validateOnly ? nil : receipt)
    }
    if validateOnly { return ImportResult(outcome: .imported, config: nil) }
    do {
      return ImportResult(outcome: .imported, config: try await store(draft, as: receipt))
    } catch {
      // Somebody stored one between our look and our insert: say which.
      guard case .alreadyExists = error, let stored = try await present(draft, for: caller)
      else { throw error }
      return try await compare(draft, with: stored, receipt)
    }
  }

  private func present(
    _ draft: ConfigDraft, for caller: Caller
  ) async throws(VaultError) -> StoredConfig? {
    try await store.storedConfig(
      provider: draft.provider.id, label: draft.label, of: caller.userID)
  }

  /// Opens what is stored and compares it in constant time. Leaves a receipt, for a key was opened.
  private func compare(
    _ draft: ConfigDraft, with stored: StoredConfig, _ receipt: ReceiptDraft?
  ) async throws(VaultError) -> ImportResult {
    let receipt = receipt?.on(stored.config)
    do {
      let key = try cipher.openKey(of: stored)
      let url = try cipher.openURL(of: stored)
      let isSame =
        key.constantTimeEquals(draft.key.bytes) && url == draft.endpoint.url?.description
      if let receipt {
        try await store.record(
          isSame
            ? receipt.with("result", .text("already-present")).success(at: now)
            : receipt.failure("conflict", at: now), use: nil)
      }
      return ImportResult(outcome: isSame ? .alreadyPresent : .conflict, config: stored.config)
    } catch {
      if let receipt, let reason = error.receiptReason {
        try await store.record(receipt.failure(reason, at: now), use: nil)
      }
      throw error
    }
  }
}
