package import FoundationEssentials
package import Identity
package import Providers
internal import Receipts

/// The use cases of the vault. Every one is for one user and sees that user's configurations only.
///
/// A change and its receipt are committed together. A failed attempt leaves a receipt of its own;
/// when that can't be written, its failure is what the caller gets.
package struct VaultService: Sendable {
  /// Configurations of one user.
  package static let configsPerUserMax = 2_000
  /// Configurations of one page, and how many come when the caller doesn't say.
  package static let pageConfigsMax = 200
  package static let pageConfigsDefault = 50

  let store: any VaultStore
  let catalogue: ProviderCatalogue
  let cipher: ConfigCipher
  private let clock: @Sendable () -> Date

  package init(
    store: any VaultStore, keyring: Keyring, cache: DataKeyCache = DataKeyCache(),
    catalogue: ProviderCatalogue = .standard, clock: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.store = store
    self.catalogue = catalogue
    self.clock = clock
    cipher = ConfigCipher(keyring: keyring, cache: cache)
  }

  /// Now, rounded to the microseconds that the database holds.
  var now: Date {
    Date(timeIntervalSince1970: (clock().timeIntervalSince1970 * 1_000_000).rounded() / 1_000_000)
  }

  /// Seals and stores a key.
  package func create(
    _ new: NewConfig, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> ProviderConfig {
    let draft = try ConfigDraft(new, catalogue: catalogue)
    return try await store(
      draft, as: ReceiptDraft(.providerConfigCreate, caller, origin))
  }

  /// Seals a checked draft and stores it with its receipt.
  func store(
    _ draft: ConfigDraft, as receipt: ReceiptDraft
  ) async throws(VaultError) -> ProviderConfig {
    let userID = receipt.caller.userID
    let config = draft.config(of: userID, at: now)
    let receipt = receipt.on(config)
    return try await recordingFailure(of: receipt) { () throws(VaultError) in
      var dataKey = try await store.dataKey(of: userID)
      if dataKey == nil {
        dataKey = try await store.adopt(cipher.keyring.createDataKey(for: userID))
      }
      guard let dataKey else { throw .cannotSeal(detail: "no data key was adopted") }
      let stored = try cipher.seal(
        config, key: draft.key, url: draft.endpoint.url, with: dataKey)
      try await store.insert(
        stored, configsMax: Self.configsPerUserMax, receipt: receipt.success(at: now))
      return config
    }
  }

  /// Returns one configuration; opens nothing.
  package func get(_ id: String, for caller: Caller) async throws(VaultError) -> ProviderConfig {
    guard let config = try await store.config(Self.configID(id), of: caller.userID) else {
      throw .notFound
    }
    return config
  }

  /// Returns a page, oldest first; opens nothing. `size` 0 means the default.
  package func list(
    size: Int, token: String, for caller: Caller
  ) async throws(VaultError) -> ConfigPage {
    guard (0...Self.pageConfigsMax).contains(size) else {
      throw .invalid(
        .pageSize, reason: "must be 1 to \(Self.pageConfigsMax), or 0 for the default")
    }
    let position = token.isEmpty ? nil : try ConfigPosition(pageToken: token)
    let limit = size == 0 ? Self.pageConfigsDefault : size
    // One more than wanted tells whether there is a next page.
    let configs = try await store.configs(
      of: caller.userID, after: position, limit: limit + 1)
    guard configs.count > limit, let last = configs.prefix(limit).last else {
      return ConfigPage(configs: configs, nextPageToken: nil)
    }
    let next = ConfigPosition(createTime: last.createTime, id: last.id)
    return ConfigPage(configs: Array(configs.prefix(limit)), nextPageToken: next.pageToken)
  }

  /// Reads a configuration's id; text that is no UUID names nothing.
  static func configID(_ text: String) throws(VaultError) -> UUID {
    guard !text.isEmpty else { throw .invalid(.id, reason: "is missing") }
    guard let id = UUID(uuidString: text) else { throw .notFound }
    return id
  }

  /// Runs `body` and leaves a receipt when it fails at what was asked.
  func recordingFailure<Success>(
    of receipt: ReceiptDraft, _ body: () async throws(VaultError) -> Success
  ) async throws(VaultError) -> Success {
    do {
      return try await body()
    } catch {
      if let reason = error.receiptReason {
        try await store.record(receipt.failure(reason, at: now), use: nil)
      }
      throw error
    }
  }
}

/// Some configurations, oldest first.
package struct ConfigPage: Sendable, Hashable {
  package let configs: [ProviderConfig]
  /// Nil on the last page.
  package let nextPageToken: String?
}
