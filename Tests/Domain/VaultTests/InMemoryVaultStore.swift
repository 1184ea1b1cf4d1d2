import FoundationEssentials
import Identity
import Receipts
import Synchronization
import UseCases
import Vault

/// Rows in memory with the rules of the real store.
final class InMemoryVaultStore: VaultStore {
  struct Rows: Sendable {
    var configs: [UUID: StoredConfig] = [:]
    var dataKeys: [UserID: WrappedDataKey] = [:]
    var receipts: [Receipt] = []
    /// Set to have every write of a receipt fail.
    var receiptFailure: VaultError?
    var readCount = 0
  }

  private let rows = Mutex(Rows())

  var receipts: [Receipt] { rows.withLock { $0.receipts } }
  var stored: [StoredConfig] { rows.withLock { Array($0.configs.values) } }

  /// How often a configuration was looked up to be used.
  var readCount: Int { rows.withLock { $0.readCount } }

  func failReceipts(with error: VaultError?) { rows.withLock { $0.receiptFailure = error } }

  /// Puts a row as it is, as somebody with access to the database could.
  func tamper(_ stored: StoredConfig) { rows.withLock { $0.put(stored) } }

  func dataKey(of userID: UserID) async throws(VaultError) -> WrappedDataKey? {
    rows.withLock { $0.dataKeys[userID] }
  }

  func adopt(
    _ dataKey: WrappedDataKey, inPlaceOf unusable: WrappedDataKey?
  ) async throws(VaultError) -> WrappedDataKey {
    rows.withLock { rows in
      if let held = rows.dataKeys[dataKey.userID], held != unusable { return held }
      rows.dataKeys[dataKey.userID] = dataKey
      return dataKey
    }
  }

  func insert(
    _ stored: StoredConfig, configsMax: Int, receipt: Receipt
  ) async throws(VaultError) {
    try rows.withLock { (rows) throws(VaultError) in
      let own = rows.configs.values.filter { $0.config.userID == stored.config.userID }
      guard own.count < configsMax else { throw .tooManyConfigs }
      try rows.checkUnique(stored.config)
      try rows.append(receipt)
      rows.put(stored)
    }
  }

  func config(_ id: UUID, of userID: UserID) async throws(VaultError) -> ProviderConfig? {
    rows.withLock { $0.own(id, userID)?.config }
  }

  func configs(
    of userID: UserID, after position: PagePosition?, limit: Int
  ) async throws(VaultError) -> [ProviderConfig] {
    let own = ordered(userID).map(\.config)
    let after = own.filter { config in
      guard let position else { return true }
      return (config.createTime, config.id.uuidString)
        > (position.time, position.id.uuidString)
    }
    return Array(after.prefix(limit))
  }

  func storedConfig(
    provider: String, label: Label, of userID: UserID
  ) async throws(VaultError) -> StoredConfig? {
    rows.withLock { $0.readCount += 1 }
    return ordered(userID).first { $0.config.provider == provider && $0.config.label == label }
  }

  func storedConfig(
    _ id: UUID, of userID: UserID
  ) async throws(VaultError) -> StoredConfig? {
    rows.withLock { $0.own(id, userID) }
  }

  func storedConfigs(
    maskedLike mask: MaskedKey, of userID: UserID, limit: Int
  ) async throws(VaultError) -> [StoredConfig] {
    let alike = ordered(userID).filter { $0.config.maskedKey.tail == mask.tail }
    return Array(alike.prefix(limit))
  }

  func labels(
    provider: String, of userID: UserID, limit: Int
  ) async throws(VaultError) -> [Label] {
    let labels = ordered(userID).filter { $0.config.provider == provider }.map(\.config.label)
    return Array(labels.sorted { $0.text < $1.text }.prefix(limit))
  }

  func preferredConfig(
    provider: String, of userID: UserID
  ) async throws(VaultError) -> StoredConfig? {
    rows.withLock { $0.readCount += 1 }
    return preferred(provider, userID)
  }

  private func preferred(_ provider: String, _ userID: UserID) -> StoredConfig? {
    let candidates = ordered(userID).filter { $0.config.provider == provider }
    return candidates.first { $0.config.label == .default }
      ?? candidates.first { $0.config.enabled } ?? candidates.first
  }

  func change(
    _ id: UUID, of userID: UserID,
    _ decide:
      @escaping @Sendable (StoredConfig, WrappedDataKey) throws(VaultError) -> ConfigChange
  ) async throws(VaultError) -> ProviderConfig {
    try rows.withLock { (rows) throws(VaultError) in
      guard let stored = rows.own(id, userID) else { throw .notFound }
      let change = try decide(stored, rows.dataKeys[userID] ?? stored.dataKey)
      switch change.action {
      case .update(let changed, _):
        try rows.checkUnique(changed.config)
        try rows.append(change.receipt)
        rows.put(changed)
        return changed.config
      case .nothing: return stored.config
      case .delete:
        try rows.append(change.receipt)
        rows.configs[id] = nil
        return stored.config
      }
    }
  }

  func record(_ receipt: Receipt, use: ConfigUse?) async throws(VaultError) {
    try rows.withLock { (rows) throws(VaultError) in
      try rows.append(receipt)
      if let use, var stored = rows.configs[use.configID] {
        stored.config.lastUseTime = use.time
        rows.put(stored)
      }
    }
  }

  func eraseAccount(
    _ account: UserID, receipt: @Sendable (DestroyedKeys) -> Receipt
  ) async throws(VaultError) -> DestroyedKeys {
    try rows.withLock { (rows) throws(VaultError) in
      let configs = rows.configs.filter { $0.value.config.userID == account }
      for id in configs.keys { rows.configs[id] = nil }
      let dataKey = rows.dataKeys.removeValue(forKey: account)
      let destroyed = DestroyedKeys(
        configCount: configs.count, dataKeyCount: dataKey == nil ? 0 : 1)
      try rows.append(receipt(destroyed))
      return destroyed
    }
  }

  func recordUses(
    _ receipts: [Receipt], health: [KeyHealthChange], at time: Date
  ) async throws(VaultError) {
    try rows.withLock { (rows) throws(VaultError) in
      for receipt in receipts { try rows.append(receipt) }
      for change in health {
        guard var stored = rows.own(change.configID, change.userID) else { continue }
        let before = stored.config.health?.consecutiveRefusals ?? 0
        stored.config.health = KeyHealth(
          lastStatus: change.status, lastAnswerTime: time,
          consecutiveRefusals: (change.isAccepted ? 0 : before) + change.refusals)
        rows.put(stored)
      }
    }
  }

  func record(
    _ receipt: Receipt, use: ConfigUse?, if precondition: ConfigPrecondition
  ) async throws(VaultError) -> Bool {
    let held = rows.withLock { $0.own(precondition.configID, precondition.userID) }
    guard let held, held.revision == precondition.revision, held.config.enabled else {
      return false
    }
    if precondition.isPreferred {
      guard preferred(held.config.provider, precondition.userID) == held else { return false }
    }
    try await record(receipt, use: use)
    return true
  }

  private func ordered(_ userID: UserID) -> [StoredConfig] {
    stored.filter { $0.config.userID == userID }.sorted {
      ($0.config.createTime, $0.config.id.uuidString)
        < ($1.config.createTime, $1.config.id.uuidString)
    }
  }
}

extension InMemoryVaultStore.Rows {
  fileprivate func own(_ id: UUID, _ userID: UserID) -> StoredConfig? {
    configs[id].flatMap { $0.config.userID == userID ? $0 : nil }
  }

  /// Stores it under a revision that no row had before.
  fileprivate mutating func put(_ stored: StoredConfig) {
    var stored = stored
    stored.revision = UUID().uuidString
    configs[stored.config.id] = stored
  }

  fileprivate func checkUnique(_ config: ProviderConfig) throws(VaultError) {
    let clashes = configs.values.contains {
      $0.config.id != config.id && $0.config.userID == config.userID
        && $0.config.provider == config.provider && $0.config.label == config.label
    }
    if clashes { throw .alreadyExists(provider: config.provider, label: config.label) }
  }

  fileprivate mutating func append(_ receipt: Receipt) throws(VaultError) {
    if let receiptFailure { throw receiptFailure }
    receipts.append(receipt)
  }
}
