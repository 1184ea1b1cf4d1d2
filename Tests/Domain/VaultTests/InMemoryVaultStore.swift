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
    var formerKeys: [FormerKey] = []
    var notices: [KeyNotice] = []
    var toldDates: Set<String> = []
    var receipts: [Receipt] = []
    /// Set to have every write of a receipt fail.
    var receiptFailure: VaultError?
    var readCount = 0
  }

  private let rows = Mutex(Rows())

  var receipts: [Receipt] { rows.withLock { $0.receipts } }
  var stored: [StoredConfig] { rows.withLock { Array($0.configs.values) } }

  var notices: [KeyNotice] { rows.withLock { $0.notices } }
  var formerKeys: [FormerKey] { rows.withLock { $0.formerKeys } }

  /// How often a configuration was looked up to be used.
  var readCount: Int { rows.withLock { $0.readCount } }

  func failReceipts(with error: VaultError?) { rows.withLock { $0.receiptFailure = error } }

  /// Puts a row as it is, as somebody with access to the database could.
  func tamper(_ stored: StoredConfig) { rows.withLock { $0.put(stored) } }

  /// The same of a former key.
  func tamper(former id: UUID, _ change: (inout StoredConfig) -> Void) {
    rows.withLock { rows in
      for index in rows.formerKeys.indices where rows.formerKeys[index].id == id {
        change(&rows.formerKeys[index].stored)
      }
    }
  }

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
      guard own.count < configsMax else { throw .tooManyConfigs(max: configsMax) }
      try rows.checkUnique(stored.config)
      try rows.append(receipt)
      rows.put(stored)
    }
  }

  func config(_ id: UUID, of userID: UserID) async throws(VaultError) -> ProviderConfig? {
    rows.withLock { $0.own(id, userID)?.config }
  }

  func configs(
    of userID: UserID, _ filter: ConfigFilter, after position: PagePosition?, limit: Int
  ) async throws(VaultError) -> [ProviderConfig] {
    let own = ordered(userID).map(\.config).filter { config in
      (filter.provider.isEmpty || config.provider == filter.provider)
        && (filter.tag.isEmpty || config.notes.tags.contains(filter.tag))
    }
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
      case .update(let changed, _, let former, let restored):
        try rows.checkUnique(changed.config)
        if let restored { try rows.removeFormerKey(restored) }
        if let former { rows.keep(former) }
        try rows.append(change.receipt)
        rows.put(changed)
        return changed.config
      case .nothing: return stored.config
      case .delete(let former):
        try rows.append(change.receipt)
        if let former { rows.keep(former) }
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
    _ receipts: [Receipt], health: [KeyHealthChange], _ rule: QuarantineRule, at time: Date
  ) async throws(VaultError) {
    try rows.withLock { (rows) throws(VaultError) in
      for receipt in receipts { try rows.append(receipt) }
      for change in health {
        guard var stored = rows.own(change.configID, change.userID),
          [0, stored.config.keyVersion, stored.config.secondKey?.keyVersion]
            .contains(change.keyVersion)
        else { continue }
        let before = stored.config.health
        let (earlier, second) = (before?.consecutiveRefusals ?? 0, stored.config.secondKey)
        let isOtherTaken = health.contains { $0.isAccepted && $0.configID == change.configID }
        let refusals =
          if change.keyVersion == second?.keyVersion {
            change.isAccepted ? 0 : earlier
          } else if second != nil, isOtherTaken {
            0
          } else {
            (change.isAccepted ? 0 : earlier) + change.refusals
          }
        stored.config.health = KeyHealth(
          lastStatus: change.status > 0 ? change.status : before?.lastStatus ?? 0,
          lastAnswerTime: time, consecutiveRefusals: refusals,
          lastGoodTime: change.isGood ? time : before?.lastGoodTime,
          lastFailureTime: change.lastFailure == nil ? before?.lastFailureTime : time,
          lastFailure: change.lastFailure ?? before?.lastFailure,
          consecutiveFailures: (change.isGood ? 0 : before?.consecutiveFailures ?? 0)
            + change.failures)
        if change.refusals > 0 {
          let isFirst = change.keyVersion == stored.config.keyVersion
          stored.config.fallbackTime =
            isFirst && stored.config.secondKey != nil
            ? time.addingTimeInterval(SecondKey.fallbackSeconds) : nil
        }
        if rule.refusalsMax > 0, refusals >= rule.refusalsMax,
          stored.config.quarantineTime == nil
        {
          stored.config.quarantineTime = time
          let act = rule.act(stored.config)
          try rows.append(act.receipt)
          rows.notices.append(act.notice)
        }
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

  // MARK: Former keys and notices

  func formerKeys(
    of configID: UUID, _ userID: UserID
  ) async throws(VaultError) -> [FormerKey] {
    formerKeys.filter { $0.stored.config.id == configID && $0.stored.config.userID == userID }
      .sorted { $0.endTime > $1.endTime }
  }

  func formerKey(_ id: UUID, of userID: UserID) async throws(VaultError) -> FormerKey? {
    formerKeys.first { $0.id == id && $0.stored.config.userID == userID }
  }

  func deletedConfigs(
    of userID: UserID, limit: Int
  ) async throws(VaultError) -> [FormerKey] {
    let own = formerKeys.filter { $0.isDeletion && $0.stored.config.userID == userID }
    return Array(own.sorted { $0.endTime > $1.endTime }.prefix(limit))
  }

  func undelete(
    _ deleted: FormerKey, configsMax: Int, receipt: Receipt
  ) async throws(VaultError) {
    try rows.withLock { (rows) throws(VaultError) in
      try rows.checkUnique(deleted.stored.config)
      try rows.removeFormerKey(deleted.id)
      try rows.append(receipt)
      rows.put(deleted.stored)
    }
  }

  func destroyFormerKeys(
    endedAt time: Date, limit: Int, _ receipt: @escaping @Sendable (FormerKey) -> Receipt
  ) async throws(VaultError) -> Int {
    try rows.withLock { (rows) throws(VaultError) in
      let ended = rows.formerKeys.filter { $0.destroyTime <= time }.prefix(limit)
      for former in ended {
        try rows.append(receipt(former))
        try rows.removeFormerKey(former.id)
      }
      return ended.count
    }
  }

  func endOverlaps(
    at time: Date, limit: Int, _ receipt: @escaping @Sendable (ProviderConfig) -> Receipt
  ) async throws(VaultError) -> Int {
    try rows.withLock { (rows) throws(VaultError) in
      let ended = rows.configs.values.filter { stored in
        stored.config.secondKey?.endTime.map { $0 <= time } ?? false
      }
      for var stored in ended.prefix(limit) {
        try rows.append(receipt(stored.config))
        stored.config.secondKey = nil
        stored.config.fallbackTime = nil
        stored.sealedSecondKey = nil
        rows.put(stored)
      }
      return ended.count
    }
  }

  func announceDates(
    at time: Date, limit: Int,
    _ notice: @escaping @Sendable (ProviderConfig, KeyNotice.Kind) -> KeyNotice
  ) async throws(VaultError) -> Int {
    rows.withLock { rows in
      var count = 0
      for config in rows.configs.values.map(\.config) {
        for (kind, date) in [
          (KeyNotice.Kind.reminder, config.notes.remindTime), (.expired, config.notes.expireTime),
        ] {
          guard let date, date <= time,
            rows.toldDates.insert("\(config.id) \(kind) \(date)").inserted
          else { continue }
          rows.notices.append(notice(config, kind))
          count += 1
        }
      }
      return count
    }
  }

  func takeNotices(limit: Int, lease: Duration) async throws(VaultError) -> [KeyNotice] {
    Array(notices.prefix(limit))
  }

  func deleteNotices(_ ids: [UUID]) async throws(VaultError) {
    rows.withLock { rows in rows.notices.removeAll { ids.contains($0.id) } }
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

  fileprivate mutating func keep(_ former: FormerKey) {
    formerKeys.append(former)
    let id = former.stored.config.id
    let own = formerKeys.filter { $0.stored.config.id == id && !$0.isDeletion }
      .sorted { $0.endTime > $1.endTime }
    let surplus = Set(own.dropFirst(FormerKey.perConfigMax).map(\.id))
    formerKeys.removeAll { surplus.contains($0.id) }
  }

  fileprivate mutating func removeFormerKey(_ id: UUID) throws(VaultError) {
    guard formerKeys.contains(where: { $0.id == id }) else { throw .notFound }
    formerKeys.removeAll { $0.id == id }
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
