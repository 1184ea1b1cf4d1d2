package import FoundationEssentials
package import Identity
import Receipts
import UseCases

/// A key that a configuration had before, sealed as it was: replaced or deleted by its owner, and
/// destroyed when its time ends.
package struct FormerKey: Sendable, Hashable {
  /// How many a configuration has at most; the oldest goes when another comes.
  package static let perConfigMax = 5
  /// Deleted configurations that are kept of one user; the oldest go first.
  package static let deletedMax = 1_000
  /// How long one is kept: 30 days.
  package static let lifetimeSeconds = 30.0 * 86_400
  /// Deleted configurations that a list shows.
  package static let shownMax = 200

  package let id: UUID
  /// The configuration as it was with this key, notes and all.
  package var stored: StoredConfig
  /// When it was replaced or deleted.
  package let endTime: Date
  package let destroyTime: Date
  /// Whether the configuration went with it.
  package let isDeletion: Bool

  package init(
    id: UUID, stored: StoredConfig, endTime: Date, destroyTime: Date, isDeletion: Bool
  ) {
    self.id = id
    self.stored = stored
    self.endTime = endTime
    self.destroyTime = destroyTime
    self.isDeletion = isDeletion
  }

  /// Keeps what `stored` is now, from now on.
  init(_ stored: StoredConfig, endedAt time: Date, isDeletion: Bool) {
    var stored = stored
    stored.dropSecondKey()
    self.init(
      id: UUID(), stored: stored, endTime: time,
      destroyTime: time.addingTimeInterval(Self.lifetimeSeconds), isDeletion: isDeletion)
  }
}

extension VaultService {
  /// The former keys of a configuration, newest first; opens none.
  package func formerKeys(
    of id: String, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> [FormerKey] {
    try await door.perform(.formerKeyList, by: .caller(caller), from: origin) {
      (_) async throws(VaultError) -> Act<[FormerKey]> in
      let id = try Self.configID(id)
      guard try await store.config(id, of: caller.userID) != nil else { throw .notFound }
      return .looked(try await store.formerKeys(of: id, caller.userID))
    }
  }

  /// Deleted configurations that can be brought back, the last deleted first; opens none.
  package func deletedConfigs(
    for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> [FormerKey] {
    try await door.perform(.formerKeyList, by: .caller(caller), from: origin) {
      (_) async throws(VaultError) -> Act<[FormerKey]> in
      .looked(try await store.deletedConfigs(of: caller.userID, limit: FormerKey.shownMax))
    }
  }

  /// Makes a former key and its endpoint the configuration's own again; those that it has now
  /// become former ones. Label, notes and whether it is enabled stay.
  package func restore(
    _ id: String, version: String, etag: String = "", for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> ProviderConfig {
    try await door.perform(.providerConfigRestore, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<ProviderConfig> in
      entry.isAbout(id: try Self.configID(id))
      try requireConfirmation(of: caller)
      guard let versionID = UUID(uuidString: version),
        let former = try await store.formerKey(versionID, of: caller.userID),
        former.stored.config.id == (try Self.configID(id)), !former.isDeletion
      else { throw .notFound }
      entry.set(Entry.keyVersion, .number(former.stored.config.keyVersion))
      _ = try await sealingDataKey(of: caller.userID)
      return .committed(
        try await change(id, etag: etag, of: caller, &entry) {
          (stored, dataKey) throws(VaultError) in
          var restored = former.stored
          // What doesn't open can't be restored, and is found out before anything is lost.
          _ = try cipher.openKey(of: restored)
          let sealCount = try cipher.reseal(&restored, with: dataKey)
          // A second key is sealed for where the configuration is now, with its data key.
          if stored.config.origin != restored.config.origin { stored.dropSecondKey() }
          dropUnreadableSecondKey(of: &stored)
          let secondSealCount = try cipher.reseal(&stored, [], with: dataKey)
          stored.takeKey(of: restored)
          return .update(
            sealCount: sealCount + secondSealCount, former: .replace(restoring: versionID))
        })
    }
  }

  /// Brings a deleted configuration back as it was, with the former keys that it had.
  package func undelete(
    _ id: String, for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> ProviderConfig {
    try await door.perform(.providerConfigUndelete, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<ProviderConfig> in
      let configID = try Self.configID(id)
      entry.isAbout(id: configID)
      let deleted = try await store.formerKeys(of: configID, caller.userID)
        .first { $0.isDeletion }
      guard let deleted else { throw .notFound }
      entry.isAbout(deleted.stored.config)
      let time = door.now
      let receipt = entry.success(at: time)
      return .committed(
        try await withoutReplacedDataKey { () throws(VaultError) in
          var restored = deleted
          let dataKey = try await sealingDataKey(of: caller.userID)
          _ = try cipher.openKey(of: restored.stored)
          _ = try cipher.reseal(&restored.stored, with: dataKey)
          restored.stored.config.version += 1
          restored.stored.config.updateTime = time
          try await store.undelete(restored, configsMax: configsMax, receipt: receipt)
          return restored.stored.config
        })
    }
  }

  /// Destroys former keys whose time has ended, each with a receipt in its owner's log, and says
  /// what is due to be told of keys. Returns how many it destroyed; any number of processes may
  /// do it.
  package func sweep() async throws(VaultError) -> Int {
    try await door.perform(.formerKeyDestroy, by: .service(Self.name), from: CallOrigin()) {
      (entry) async throws(VaultError) -> Act<Int> in
      let (draft, time) = (entry, door.now)
      var count = 0
      while true {
        let destroyed = try await store.destroyFormerKeys(
          endedAt: time, limit: Self.sweptMax
        ) { former in
          var entry = draft
          entry.isAbout(former.stored.config)
          entry.show(in: former.stored.config.userID)
          entry.set(Entry.keyVersion, .number(former.stored.config.keyVersion))
          return entry.success(at: time)
        }
        count += destroyed
        if destroyed < Self.sweptMax { break }
      }
      while true {
        let ended = try await store.endOverlaps(at: time, limit: Self.sweptMax) { config in
          var entry = draft
          entry.isAbout(config)
          entry.show(in: config.userID)
          entry.set(Entry.keyVersion, .number(config.secondKey?.keyVersion ?? 0))
          return entry.success(at: time)
        }
        count += ended
        if ended < Self.sweptMax { break }
      }
      // All that are due: one user's many dates hold up nobody's.
      while true {
        let told = try await store.announceDates(at: time, limit: Self.sweptMax) { config, kind in
          notice(kind, of: config, at: time)
        }
        if told < Self.sweptMax { break }
      }
      return .committed(count)
    }
  }

  /// Former keys that one transaction destroys.
  private static let sweptMax = 100
}

extension StoredConfig {
  /// Takes key and endpoint of `other`, which is the same configuration at another time, sealed
  /// with `other`'s data key; nothing is known of how its provider takes it.
  mutating func takeKey(of other: StoredConfig) {
    sealedKey = other.sealedKey
    sealedBaseURL = other.sealedBaseURL
    dataKey = other.dataKey
    config.maskedKey = other.config.maskedKey
    config.origin = other.config.origin
    config.baseURLHint = other.config.baseURLHint
    config.keyVersion = other.config.keyVersion
    config.health = nil
    config.quarantineTime = nil
    config.fallbackTime = nil
  }
}
