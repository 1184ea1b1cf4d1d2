package import Cryptography
import FoundationEssentials
package import Identity
import Providers
package import Receipts
import UseCases

/// A key that was opened for one use.
package struct ResolvedCredential: Sendable {
  /// Nil for a key of the operator's.
  package let config: ProviderConfig?
  /// An id of the provider catalogue.
  package let provider: String
  /// Empty when the configuration has none.
  package let key: SecretBytes
  /// The user's endpoint; nil where the provider's own is used.
  package let baseURL: String?
  /// Whether there is another key of the same configuration, for when the provider refuses it.
  package let hasOther: Bool
  /// What was committed for it.
  package let receipt: Receipt
}

extension VaultService {
  package static let purposeBytesMax = 512
  /// As many labels are named to whoever asked for one that isn't there.
  static let namedLabelsMax = 10
  /// A time of last use is written again only when it is older than this.
  private static let useTimePrecisionSeconds = 60.0

  /// Opens a key for one use. The receipt is committed before the key is returned.
  ///
  /// An empty label means the configuration labelled `default`, else the oldest enabled one. With
  /// what was committed for a key that the provider has `refused`, the other one of the same
  /// configuration is opened, or `.noSecondKey` thrown.
  package func resolve(
    provider: String, label: String, purpose: String, insteadOf refused: Receipt? = nil,
    for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> ResolvedCredential {
    try await door.perform(.credentialResolve, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<ResolvedCredential> in
      let provider = try catalogue.known(provider)
      let label = try self.label(label, for: caller)
      try Self.check(purpose: purpose)
      entry.set("purpose", .text(purpose))
      entry.isAbout(provider: provider.id, label: label)
      try Self.check(caller.limits, provider.id, label)
      let question = ConfigQuestion(
        userID: caller.userID, provider: provider.id, label: label)
      if refused == nil, let credential = try await useKnown(question, entry) {
        return .committed(credential)
      }
      guard let stored = try await found(question) else {
        if refused == nil, let operators = try await resolveOperators(question, provider, &entry) {
          return .committed(operators)
        }
        throw try await missing(provider, label, of: caller.userID)
      }
      entry.isAbout(stored.config)
      let (slot, hasOther) = try slot(of: stored, insteadOf: refused, at: door.now)
      entry.set(Entry.keyVersion, .number(slot.keyVersion))
      if refused != nil { entry.set("fallback", .flag(true)) }
      let (key, baseURL) = try open(slot, of: stored, of: provider)
      known.keep(KnownConfig(stored, baseURL: baseURL), for: question)
      let receipt = entry.success(at: door.now)
      try await store.record(receipt, use: Self.use(of: stored.config, at: receipt.time))
      return .committed(
        ResolvedCredential(
          config: stored.config, provider: provider.id, key: key, baseURL: baseURL,
          hasOther: hasOther, receipt: receipt))
    }
  }

  /// Opens the configuration that answered the question before, if it still does so at the moment
  /// of the receipt's commit; else nothing is written, and nil says to look anew.
  private func useKnown(
    _ question: ConfigQuestion, _ entry: Entry
  ) async throws(VaultError) -> ResolvedCredential? {
    guard let known = known.config(for: question) else { return nil }
    // Whether it fails to open, or its day has come, is judged by what the database holds now.
    guard !known.stored.config.notes.areExpired(at: door.now) else { return nil }
    let slots = known.stored.slots(at: door.now)
    guard let key = try? cipher.open(slots[0], of: known.stored) else { return nil }
    var entry = entry
    entry.set(known.target, origin: known.stored.config.origin)
    entry.set(Entry.keyVersion, .number(slots[0].keyVersion))
    let receipt = entry.success(at: door.now)
    let isStillRight = try await store.record(
      receipt, use: Self.use(of: known.stored.config, at: receipt.time),
      if: known.precondition(for: question))
    guard isStillRight else {
      self.known.forget(question, at: known.stored.revision)
      return nil
    }
    return ResolvedCredential(
      config: known.stored.config, provider: known.stored.config.provider, key: key,
      baseURL: known.baseURL, hasOther: slots.count > 1,
      receipt: receipt)
  }

  /// The label that is meant; nil for the preferred key. A token that is limited to labels has no
  /// preferred key: without a label it means `default`, or its only one.
  private func label(_ text: String, for caller: Caller) throws(VaultError) -> Label? {
    guard text.isEmpty else { return try Label(text) }
    let labels = caller.limits.labels
    if labels.isEmpty { return nil }
    return labels.count == 1 ? try Label(labels[0]) : .default
  }

  /// Refuses what the caller's access token is not for.
  static func check(
    _ limits: AccessLimits, _ provider: String, _ label: Label?
  ) throws(VaultError) {
    guard limits.allow(provider: provider) else { throw .denied(.providerNotAllowed) }
    if let label, !limits.allow(label: label.text) { throw .denied(.labelNotAllowed) }
  }

  private func found(_ question: ConfigQuestion) async throws(VaultError) -> StoredConfig? {
    if let label = question.label {
      try await store.storedConfig(
        provider: question.provider, label: label, of: question.userID)
    } else {
      try await store.preferredConfig(provider: question.provider, of: question.userID)
    }
  }

  /// Says which keys there are in place of the one that was asked for.
  private func missing(
    _ provider: Provider, _ label: Label?, of userID: UserID
  ) async throws(VaultError) -> VaultError {
    let labels = try await store.labels(
      provider: provider.id, of: userID, limit: Self.namedLabelsMax)
    return .noKey(provider: provider.displayName, label: label, labels: labels.map(\.text))
  }

  private func open(
    _ slot: KeySlot, of stored: StoredConfig, of provider: Provider
  ) throws(VaultError) -> (key: SecretBytes, baseURL: String?) {
    guard stored.config.enabled else {
      throw .disabled(provider: provider.id, label: stored.config.label)
    }
    guard stored.config.quarantineTime == nil else {
      throw .quarantined(provider: provider.id, label: stored.config.label)
    }
    guard !stored.config.notes.areExpired(at: door.now) else {
      throw .expired(provider: provider.id, label: stored.config.label)
    }
    return try openEvenIfDisabled(slot, of: stored, of: provider)
  }

  func openEvenIfDisabled(
    _ slot: KeySlot, of stored: StoredConfig, of provider: Provider
  ) throws(VaultError) -> (key: SecretBytes, baseURL: String?) {
    // Without an endpoint of its own the key goes to the catalogue's address, which must still be
    // the one it was stored for.
    if stored.sealedBaseURL == nil, Endpoint.ownOrigin(of: provider) != stored.config.origin {
      throw .endpointChanged(provider: provider.id)
    }
    return (try cipher.open(slot, of: stored), try cipher.openURL(of: stored))
  }

  private static func use(of config: ProviderConfig, at time: Date) -> ConfigUse? {
    if let last = config.lastUseTime, time.timeIntervalSince(last) < useTimePrecisionSeconds {
      return nil
    }
    return ConfigUse(configID: config.id, time: time)
  }

  private static func check(purpose: String) throws(VaultError) {
    guard purpose.utf8.count <= purposeBytesMax else {
      throw .invalid(.purpose, reason: "is longer than \(purposeBytesMax) bytes")
    }
    guard purpose.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw .invalid(.purpose, reason: "holds a control character")
    }
  }
}
