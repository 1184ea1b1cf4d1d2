import FoundationEssentials
package import Identity
import Providers
import Receipts
import UseCases

/// The fields of a configuration to change; nil leaves a field as it is.
package struct ConfigPatch: Sendable {
  package let label: String?
  package let apiKey: String?
  /// Empty goes back to the provider's own endpoint.
  package let baseURL: String?
  package let enabled: Bool?
  /// Also a key that is probably none of this provider, or is stored already.
  package let storeAnyway: Bool

  package init(
    label: String?, apiKey: String?, baseURL: String?, enabled: Bool?, storeAnyway: Bool = false
  ) {
    self.label = label
    self.apiKey = apiKey
    self.baseURL = baseURL
    self.enabled = enabled
    self.storeAnyway = storeAnyway
  }
}

extension VaultService {
  /// Changes the fields that are present; what is as it should be already leaves no receipt.
  ///
  /// A key is bound to the origin of its endpoint, so a new origin needs the key again.
  package func update(
    _ id: String, _ patch: ConfigPatch, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> ProviderConfig {
    try await door.perform(.providerConfigUpdate, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<ProviderConfig> in
      entry.set("changed", .text(patch.fieldNames.joined(separator: ",")))
      // Another key is what somebody would put there who found the portal open.
      if patch.apiKey != nil { try requireConfirmation(of: caller) }
      if !patch.storeAnyway, let key = patch.apiKey {
        entry.isAbout(id: try Self.configID(id))
        try await checkDoubts(key, in: patch, of: id, for: caller.userID)
      }
      let time = door.now
      if patch.seals { _ = try await sealingDataKey(of: caller.userID) }
      return .committed(
        try await change(id, of: caller, &entry) { (stored, dataKey) throws(VaultError) in
          let before = stored
          let sealCount = try apply(patch, to: &stored, sealingWith: dataKey)
          guard stored != before else { return .nothing }
          stored.config.updateTime = time
          return .update(sealCount: sealCount)
        })
    }
  }

  /// Lets a configuration be used, or keeps its key and refuses its use.
  package func setEnabled(
    _ id: String, to enabled: Bool, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> ProviderConfig {
    try await door.perform(
      enabled ? .providerConfigEnable : .providerConfigDisable, by: .caller(caller), from: origin
    ) { (entry) async throws(VaultError) -> Act<ProviderConfig> in
      let time = door.now
      return .committed(
        try await change(id, of: caller, &entry) { (stored, _) throws(VaultError) in
          guard stored.config.enabled != enabled else { return .nothing }
          stored.config.enabled = enabled
          stored.config.updateTime = time
          return .update(sealCount: 0)
        })
    }
  }

  /// Deletes a configuration and its key.
  package func delete(
    _ id: String, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) {
    try await door.perform(.providerConfigDelete, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<Void> in
      _ = try await change(id, of: caller, &entry) { (_, _) throws(VaultError) in .delete }
      return .committed(())
    }
  }

  enum Change: Sendable {
    /// What was made of the configuration; `sealCount` fields were sealed anew.
    case update(sealCount: Int)
    case delete
    case nothing
  }

  /// Throws `.denied(.confirmationNeeded)` for a session whose owner entered their password too
  /// long ago for a stored key to be replaced.
  func requireConfirmation(of caller: Caller) throws(VaultError) {
    if caller.needsConfirmation(at: door.now) { throw .denied(.confirmationNeeded) }
  }

  /// What speaks against a key that replaces another one.
  private func checkDoubts(
    _ key: String, in patch: ConfigPatch, of id: String, for userID: UserID
  ) async throws(VaultError) {
    let id = try Self.configID(id)
    guard let config = try await store.config(id, of: userID) else { throw .notFound }
    let provider = try catalogue.known(config.provider)
    // An endpoint that stays is known by its origin only, which is all that the key is bound to.
    let endpoint =
      try patch.baseURL.map { (text) throws(VaultError) in try Endpoint(text, of: provider) }
      ?? Endpoint(origin: config.origin)
    try await checkDoubts(
      try provider.key(key), of: provider, at: endpoint, for: userID, besides: id)
  }

  /// Runs `decide` on the caller's configuration inside the store's transaction, with the receipt;
  /// returns what the configuration was changed to.
  func change(
    _ id: String, of caller: Caller, _ entry: inout Entry,
    _ decide:
      @escaping @Sendable (inout StoredConfig, WrappedDataKey) throws(VaultError) -> Change
  ) async throws(VaultError) -> ProviderConfig {
    let configID = try Self.configID(id)
    entry.isAbout(id: configID)
    let (draft, time) = (entry, door.now)
    // What is held would be refused at its next use; it must not even stay in memory.
    defer { known.forget(caller.userID) }
    return try await withoutReplacedDataKey { () throws(VaultError) in
      try await store.change(configID, of: caller.userID) {
        (stored, dataKey) throws(VaultError) in
        var (stored, entry) = (stored, draft)
        let change = try decide(&stored, dataKey)
        entry.isAbout(stored.config)
        let receipt = entry.success(at: time)
        return switch change {
        case .update(let sealCount):
          ConfigChange(.update(stored, sealCount: sealCount), receipt: receipt)
        case .delete: ConfigChange(.delete, receipt: receipt)
        case .nothing: ConfigChange(.nothing, receipt: receipt)
        }
      }
    }
  }

  /// Puts the patch into `stored`; returns how many fields were sealed, all of them with `dataKey`.
  func apply(
    _ patch: ConfigPatch, to stored: inout StoredConfig, sealingWith dataKey: WrappedDataKey
  ) throws(VaultError) -> Int {
    let provider = try catalogue.known(stored.config.provider)
    if let label = patch.label {
      // Else a form that was emptied by mistake would rename the key to `default`.
      guard !label.isEmpty else { throw .invalid(.label, reason: "must not be empty") }
      stored.config.label = try Label(label)
    }
    if let enabled = patch.enabled { stored.config.enabled = enabled }

    var key = try patch.apiKey.map { (text) throws(VaultError) in try provider.key(text) }
    let endpoint = try patch.baseURL.map { (text) throws(VaultError) in
      try Endpoint(text, of: provider)
    }
    if let endpoint, endpoint.origin != stored.config.origin, key == nil {
      guard stored.config.maskedKey == .none else {
        throw .invalid(
          .apiKey,
          reason: "is required when the endpoint moves to another origin, for a key is bound to it")
      }
      key = APIKey.none
    }
    let movesURL = endpoint.map { !holds($0.url, stored) } ?? false
    var sealCount = 0
    if key != nil || movesURL {
      // A data key that went out of use seals nothing more, and may not even open.
      var kept: Set<FieldBinding.Field> = []
      if key == nil { kept.insert(.apiKey) }
      if !movesURL { kept.insert(.baseURL) }
      sealCount += try cipher.reseal(&stored, kept, with: dataKey)
    }
    if let endpoint, movesURL {
      stored.config.origin = endpoint.origin
      stored.config.baseURLHint = endpoint.url?.displayHint
      try cipher.replaceURL(endpoint.url, in: &stored)
      sealCount += 1
    }
    if let key {
      stored.config.maskedKey = provider.mask(key)
      // What was said of the one that goes.
      stored.config.health = nil
      try cipher.replaceKey(key, in: &stored)
      sealCount += 1
    }
    return sealCount
  }

  /// Whether this endpoint is stored; one that doesn't open is another.
  private func holds(_ url: EndpointURL?, _ stored: StoredConfig) -> Bool {
    do {
      return try cipher.openURL(of: stored) == url?.description
    } catch {
      return false
    }
  }
}

extension ConfigPatch {
  /// Whether a field is to be sealed.
  fileprivate var seals: Bool { apiKey != nil || baseURL != nil }

  /// JSON names of the fields that are present, for the receipt.
  fileprivate var fieldNames: [String] {
    [
      label.map { _ in "label" }, apiKey.map { _ in "apiKey" }, baseURL.map { _ in "baseUrl" },
      enabled.map { _ in "enabled" },
    ].compactMap { $0 }
  }
}
