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
  package let notes: NotesPatch

  package init(
    label: String?, apiKey: String?, baseURL: String?, enabled: Bool?, storeAnyway: Bool = false,
    notes: NotesPatch = NotesPatch()
  ) {
    self.label = label
    self.apiKey = apiKey
    self.baseURL = baseURL
    self.enabled = enabled
    self.storeAnyway = storeAnyway
    self.notes = notes
  }
}

extension VaultService {
  /// Changes the fields that are present; what is as it should be already leaves no receipt.
  ///
  /// A key is bound to the origin of its endpoint, so a new origin needs the key again. With an
  /// `etag`, a configuration that has another one by now is left as it is: `.changedMeanwhile`.
  package func update(
    _ id: String, _ patch: ConfigPatch, etag: String = "", for caller: Caller,
    from origin: CallOrigin
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
        try await change(id, etag: etag, of: caller, &entry) {
          (stored, dataKey) throws(VaultError) in
          let before = stored
          let applied = try apply(patch, to: &stored, sealingWith: dataKey, at: time)
          guard stored != before else { return .nothing }
          return .update(sealCount: applied.sealCount, former: applied.former)
        })
    }
  }

  /// Lets a configuration be used, also one in quarantine, or keeps its key and refuses its use.
  package func setEnabled(
    _ id: String, to enabled: Bool, etag: String = "", for caller: Caller,
    from origin: CallOrigin
  ) async throws(VaultError) -> ProviderConfig {
    try await door.perform(
      enabled ? .providerConfigEnable : .providerConfigDisable, by: .caller(caller), from: origin
    ) { (entry) async throws(VaultError) -> Act<ProviderConfig> in
      return .committed(
        try await change(id, etag: etag, of: caller, &entry) { (stored, _) throws(VaultError) in
          let isQuarantined = stored.config.quarantineTime != nil
          guard stored.config.enabled != enabled || enabled && isQuarantined else {
            return .nothing
          }
          stored.config.enabled = enabled
          if enabled, isQuarantined {
            stored.config.quarantineTime = nil
            stored.config.health?.consecutiveRefusals = 0
          }
          return .update(sealCount: 0, former: .keep)
        })
    }
  }

  /// Deletes a configuration; its key is kept for a while, as a former one.
  package func delete(
    _ id: String, etag: String = "", for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) {
    try await door.perform(.providerConfigDelete, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<Void> in
      _ = try await change(id, etag: etag, of: caller, &entry) { (_, _) throws(VaultError) in
        .delete
      }
      return .committed(())
    }
  }

  enum Change: Sendable {
    /// What was made of the configuration; `sealCount` fields were sealed anew.
    case update(sealCount: Int, former: FormerChange)
    case delete
    case nothing
  }

  /// Throws `.denied(.confirmationNeeded)` for a session whose owner entered their password too
  /// long ago for another key to take the place of a stored one.
  func requireConfirmation(of caller: Caller) throws(VaultError) {
    if caller.needsConfirmation(at: door.now) { throw .denied(.confirmationNeeded) }
  }

  /// What becomes of the key that a configuration had.
  enum FormerChange: Sendable {
    /// It is still the configuration's.
    case keep
    /// Another took its place: a new one, or the former key with this id.
    case replace(restoring: UUID? = nil)
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
    _ id: String, etag: String = "", of caller: Caller, _ entry: inout Entry,
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
        (before, dataKey) throws(VaultError) in
        guard etag.isEmpty || etag == before.config.etag else { throw .changedMeanwhile }
        var (stored, entry) = (before, draft)
        let change = try decide(&stored, dataKey)
        entry.isAbout(stored.config)
        switch change {
        case .update(let sealCount, let key):
          stored.config.version += 1
          stored.config.updateTime = time
          var (former, restored): (FormerKey?, UUID?) = (nil, nil)
          if case .replace(let id) = key {
            former = formerKey(before, endedAt: time, isDeletion: false)
            restored = id
          }
          return ConfigChange(
            .update(stored, sealCount: sealCount, former: former, restored: restored),
            receipt: entry.success(at: time))
        case .delete:
          return ConfigChange(
            .delete(formerKey(before, endedAt: time, isDeletion: true)),
            receipt: entry.success(at: time))
        case .nothing: return ConfigChange(.nothing, receipt: entry.success(at: time))
        }
      }
    }
  }

  /// What is kept of `stored`; nil where its key doesn't open: it could never be restored, and
  /// would stand in the way of sealing its owner's others anew.
  private func formerKey(
    _ stored: StoredConfig, endedAt time: Date, isDeletion: Bool
  ) -> FormerKey? {
    var stored = stored
    guard (try? cipher.openKey(of: stored)) != nil else { return nil }
    dropUnreadableSecondKey(of: &stored)
    return FormerKey(stored, endedAt: time, isDeletion: isDeletion)
  }

  /// A second key that doesn't open must not keep the first from being replaced.
  func dropUnreadableSecondKey(of stored: inout StoredConfig) {
    do {
      _ = try cipher.openSecondKey(of: stored)
    } catch {
      stored.dropSecondKey()
    }
  }

  /// Puts the patch into `stored`; returns how many fields were sealed, all of them with `dataKey`,
  /// and what becomes of the key that was.
  func apply(
    _ patch: ConfigPatch, to stored: inout StoredConfig, sealingWith dataKey: WrappedDataKey,
    at now: Date
  ) throws(VaultError) -> (sealCount: Int, former: FormerChange) {
    let provider = try catalogue.known(stored.config.provider)
    if let label = patch.label {
      // Else a form that was emptied by mistake would rename the key to `default`.
      guard !label.isEmpty else { throw .invalid(.label, reason: "must not be empty") }
      stored.config.label = try Label(label)
    }
    if let enabled = patch.enabled { stored.config.enabled = enabled }
    try patch.notes.apply(to: &stored.config.notes, at: now)

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
      dropUnreadableSecondKey(of: &stored)
      sealCount += try cipher.reseal(&stored, kept, with: dataKey)
    }
    if let endpoint, movesURL {
      // It is sealed for the place that was.
      if stored.config.origin != endpoint.origin { stored.dropSecondKey() }
      stored.config.origin = endpoint.origin
      stored.config.baseURLHint = endpoint.url?.displayHint
      try cipher.replaceURL(endpoint.url, in: &stored)
      sealCount += 1
    }
    if let key {
      stored.config.maskedKey = provider.mask(key)
      // What was said of the one that goes.
      stored.config.health = nil
      stored.config.quarantineTime = nil
      stored.config.fallbackTime = nil
      stored.config.keyVersion = stored.config.version + 1
      try cipher.replaceKey(key, in: &stored)
      sealCount += 1
    }
    return (sealCount, key != nil || movesURL ? .replace() : .keep)
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
    ].compactMap { $0 } + notes.fieldNames
  }
}
