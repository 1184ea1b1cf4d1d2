package import FoundationEssentials
package import Identity
package import Providers
import Receipts
package import UseCases

/// The use cases of the vault. Every one is for one user and sees that user's configurations only.
///
/// Each begins at the door, which says who may come in and what leaves a receipt.
package struct VaultService: Sendable {
  package static let name = "vault"
  /// Configurations of one user, unless the operator says another number.
  package static let configsPerUserMaxDefault = 2_000
  /// Refusals in a row that put a key into quarantine, unless the operator says another number.
  package static let refusalsMaxDefault = 10

  let door: Door<VaultError>
  let store: any VaultStore
  let catalogue: ProviderCatalogue
  let cipher: ConfigCipher
  let known: KnownConfigs
  let configsMax: Int
  let refusalsMax: Int
  let operatorKeys: OperatorKeys
  let revealsKeys: Bool

  /// - Parameters:
  ///   - operatorKeys: for providers of which a user has no key.
  ///   - configsMax: configurations of one user.
  ///   - refusalsMax: refusals in a row that put a key into quarantine; 0 never does.
  ///   - revealsKeys: whether owners may have their keys shown.
  package init(
    store: any VaultStore, keyring: Keyring, cache: DataKeyCache = DataKeyCache(),
    known: KnownConfigs = KnownConfigs(), catalogue: ProviderCatalogue = .standard,
    configsMax: Int = Self.configsPerUserMaxDefault, refusalsMax: Int = Self.refusalsMaxDefault,
    operatorKeys: OperatorKeys = OperatorKeys(), revealsKeys: Bool = true,
    clock: @escaping @Sendable () -> Date = { Date() }
  ) {
    door = Door(clock: clock) { (receipt) async throws(VaultError) in
      try await store.record(receipt, use: nil)
    }
    self.store = store
    self.catalogue = catalogue
    cipher = ConfigCipher(keyring: keyring, cache: cache)
    self.known = known
    self.configsMax = configsMax
    self.refusalsMax = refusalsMax
    self.operatorKeys = operatorKeys
    self.revealsKeys = revealsKeys
  }

  /// For what a resolve gives out, and the end of its use comes back with.
  package var ticketSigner: UseTicketSigner { cipher.keyring.ticketSigner }

  /// Seals and stores a key.
  package func create(
    _ new: NewConfig, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> ProviderConfig {
    try await door.perform(.providerConfigCreate, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<ProviderConfig> in
      let draft = try ConfigDraft(new, catalogue: catalogue, at: door.now)
      if !new.storeAnyway {
        try await checkDoubts(
          draft.key, of: draft.provider, at: draft.endpoint, for: caller.userID,
          label: draft.label)
      }
      return .committed(try await insert(draft, for: caller, &entry))
    }
  }

  /// Seals a checked draft and stores it with its receipt.
  func insert(
    _ draft: ConfigDraft, for caller: Caller, _ entry: inout Entry
  ) async throws(VaultError) -> ProviderConfig {
    let config = draft.config(of: caller.userID, at: door.now)
    entry.isAbout(config)
    let receipt = entry.success(at: door.now)
    try await withoutReplacedDataKey { () throws(VaultError) in
      let stored = try cipher.seal(
        config, key: draft.key, url: draft.endpoint.url,
        with: try await sealingDataKey(of: caller.userID))
      try await store.insert(stored, configsMax: configsMax, receipt: receipt)
    }
    return config
  }

  /// The data key that seals the user's new fields: the first, or the next when one is worn out or
  /// its master key was lost.
  func sealingDataKey(of userID: UserID) async throws(VaultError) -> WrappedDataKey {
    let dataKey = try await store.dataKey(of: userID)
    if let dataKey, cipher.opens(dataKey) { return dataKey }
    return try await store.adopt(
      cipher.keyring.createDataKey(for: userID), inPlaceOf: dataKey)
  }

  /// How often a change is begun anew because the user's keys were being sealed anew beside it.
  private static let dataKeyAttemptsMax = 3

  /// Runs `body` again when the data key that it found goes out of use under its hands.
  func withoutReplacedDataKey<Value>(
    _ body: () async throws(VaultError) -> Value
  ) async throws(VaultError) -> Value {
    for _ in 1..<Self.dataKeyAttemptsMax {
      do throws(VaultError) {
        return try await body()
      } catch .dataKeyReplaced {}
    }
    return try await body()
  }

  /// Returns one configuration; opens nothing.
  package func get(
    _ id: String, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> ProviderConfig {
    try await door.perform(.providerConfigGet, by: .caller(caller), from: origin) {
      (_) async throws(VaultError) -> Act<ProviderConfig> in
      guard let config = try await store.config(Self.configID(id), of: caller.userID) else {
        throw .notFound
      }
      return .looked(config)
    }
  }

  /// Returns a page of those that match, oldest first; opens nothing. `size` 0 means the default.
  package func list(
    _ filter: ConfigFilter = ConfigFilter(), size: Int, token: String, for caller: Caller,
    from origin: CallOrigin
  ) async throws(VaultError) -> Page<ProviderConfig> {
    try await door.perform(.providerConfigList, by: .caller(caller), from: origin) {
      (_) async throws(VaultError) -> Act<Page<ProviderConfig>> in
      var filter = filter
      filter.time = door.now
      let request = try Self.page(size: size, token: token, of: filter)
      let found = try await store.configs(
        of: caller.userID, filter, after: request.position, limit: request.limit + 1)
      return .looked(
        request.page(of: found) { PagePosition(time: $0.createTime, id: $0.id) })
    }
  }

  /// Records that a peer called a method that is not for it.
  package func refuse(peer: String, method: String) async throws(VaultError) {
    try await door.refuse(
      .peerCall, by: .service(peer), from: CallOrigin(), on: .method(method),
      because: .peerNotAllowed)
  }

  private static func page(
    size: Int, token: String, of filter: ConfigFilter
  ) throws(VaultError) -> PageRequest {
    do {
      return try PageRequest(size: size, token: token, of: "provider-configs\(filter.text)")
    } catch {
      throw .invalid(error == .size ? .pageSize : .pageToken, reason: error.reason)
    }
  }

  /// Reads a configuration's id; text that is no UUID names nothing.
  static func configID(_ text: String) throws(VaultError) -> UUID {
    guard !text.isEmpty else { throw .invalid(.id, reason: "is missing") }
    guard let id = UUID(uuidString: text) else { throw .notFound }
    return id
  }
}

extension Entry {
  private static let targetType = "provider-config"
  /// The detail that names a key.
  static let keyVersion = "keyVersion"

  /// About this configuration.
  mutating func isAbout(_ config: ProviderConfig) {
    set(Self.target(config), origin: config.origin)
  }

  /// About a configuration whose `target` was formed before.
  mutating func set(_ target: Receipt.Target, origin: String) {
    set(target)
    set("origin", .text(origin))
  }

  static func target(_ config: ProviderConfig) -> Receipt.Target {
    Receipt.Target(
      type: targetType, id: config.id.text,
      name: "\(config.provider)/\(config.label.text)")
  }

  /// About a configuration of which only the id is known.
  mutating func isAbout(id: UUID) {
    set(Receipt.Target(type: Self.targetType, id: id.text))
  }

  /// About a configuration that was asked for by name.
  mutating func isAbout(provider: String, label: Label?) {
    let name = label.map { "\(provider)/\($0.text)" } ?? provider
    set(Receipt.Target(type: Self.targetType, id: "", name: name))
  }
}
