package import FoundationEssentials
package import Identity
package import Receipts
package import UseCases

/// Where configurations and wrapped data keys are kept. Every method sees one user's rows only.
package protocol VaultStore: Sendable {
  /// The data key that seals the user's new fields; nil before the first, and when it has sealed
  /// `DataKeyLimit.sealsMax` times.
  func dataKey(of userID: UserID) async throws(VaultError) -> WrappedDataKey?

  /// Makes `dataKey` the one that seals its user's new fields unless there is one that still may
  /// and isn't `unusable`; returns the one that holds.
  func adopt(
    _ dataKey: WrappedDataKey, inPlaceOf unusable: WrappedDataKey?
  ) async throws(VaultError) -> WrappedDataKey

  /// Adds a configuration and the receipt, both or neither.
  ///
  /// Throws `.alreadyExists`, `.tooManyConfigs` when the user has `configsMax`, or
  /// `.dataKeyReplaced` when the data key is not the user's any more.
  func insert(
    _ stored: StoredConfig, configsMax: Int, receipt: Receipt
  ) async throws(VaultError)

  func config(_ id: UUID, of userID: UserID) async throws(VaultError) -> ProviderConfig?

  /// The first `limit` configurations after `position` that match, oldest first.
  func configs(
    of userID: UserID, _ filter: ConfigFilter, after position: PagePosition?, limit: Int
  ) async throws(VaultError) -> [ProviderConfig]

  /// A configuration with what opens its key.
  func storedConfig(_ id: UUID, of userID: UserID) async throws(VaultError) -> StoredConfig?

  /// At most `limit` configurations whose masked keys end as `mask` does: the same key is among
  /// them.
  func storedConfigs(
    maskedLike mask: MaskedKey, of userID: UserID, limit: Int
  ) async throws(VaultError) -> [StoredConfig]

  /// The user's configuration under exactly this provider and label.
  func storedConfig(
    provider: String, label: Label, of userID: UserID
  ) async throws(VaultError) -> StoredConfig?

  /// The first `limit` labels of the user's keys of a provider, in their alphabet's order.
  func labels(
    provider: String, of userID: UserID, limit: Int
  ) async throws(VaultError) -> [Label]

  /// The configuration to use when none was named: the one labelled `default`, else the oldest
  /// enabled one, else the oldest.
  func preferredConfig(
    provider: String, of userID: UserID
  ) async throws(VaultError) -> StoredConfig?

  /// Reads a configuration and the data key that seals the user's new fields, lets `decide` say
  /// what to do, and does it with the receipt, all in one transaction; returns the configuration
  /// as `decide` left it. Throws `.notFound`, `.alreadyExists`, and what `decide` throws.
  func change(
    _ id: UUID, of userID: UserID,
    _ decide:
      @escaping @Sendable (StoredConfig, WrappedDataKey) throws(VaultError) -> ConfigChange
  ) async throws(VaultError) -> ProviderConfig

  /// Destroys the configurations and data keys of an account and has nothing stored for it again;
  /// keeps the receipt that `receipt` makes of their numbers, the first time.
  func eraseAccount(
    _ account: UserID, receipt: @Sendable (DestroyedKeys) -> Receipt
  ) async throws(VaultError) -> DestroyedKeys

  /// Commits a receipt that has no change with it; concurrent ones may share a transaction.
  ///
  /// With `use`, the configuration's time of last use moves too. Throws `.overloaded`.
  func record(_ receipt: Receipt, use: ConfigUse?) async throws(VaultError)

  /// Commits the receipts of uses that ended, and what they say of the keys; a configuration that
  /// is being changed may be left as it is. A key that its provider has refused as often as `rule`
  /// allows goes into quarantine in the same transaction.
  func recordUses(
    _ receipts: [Receipt], health: [KeyHealthChange], _ rule: QuarantineRule, at time: Date
  ) async throws(VaultError)

  // MARK: Former keys and notices

  /// Of one configuration, newest first, also of a deleted one.
  func formerKeys(
    of configID: UUID, _ userID: UserID
  ) async throws(VaultError) -> [FormerKey]

  func formerKey(_ id: UUID, of userID: UserID) async throws(VaultError) -> FormerKey?

  /// Those with which their configurations went, the last first.
  func deletedConfigs(
    of userID: UserID, limit: Int
  ) async throws(VaultError) -> [FormerKey]

  /// Puts a deleted configuration back and forgets the deletion, with the receipt. Throws
  /// `.notFound` when somebody did so before, and what `insert` throws.
  func undelete(
    _ deleted: FormerKey, configsMax: Int, receipt: Receipt
  ) async throws(VaultError)

  /// Destroys at most `limit` former keys whose time has ended, of all users, each with its
  /// receipt; returns how many.
  func destroyFormerKeys(
    endedAt time: Date, limit: Int, _ receipt: @escaping @Sendable (FormerKey) -> Receipt
  ) async throws(VaultError) -> Int

  /// Destroys second keys whose time has ended, of all users, at most `limit`, each with its
  /// receipt; returns how many. `receipt` sees each configuration as it was.
  func endOverlaps(
    at time: Date, limit: Int, _ receipt: @escaping @Sendable (ProviderConfig) -> Receipt
  ) async throws(VaultError) -> Int

  /// Writes a notice for each reminder and end of a key, of all users, that has come and was not
  /// told of, at most `limit` of either, the oldest first; returns how many.
  func announceDates(
    at time: Date, limit: Int,
    _ notice: @escaping @Sendable (ProviderConfig, KeyNotice.Kind) -> KeyNotice
  ) async throws(VaultError) -> Int

  /// At most `limit` notices that nobody took within `lease`.
  func takeNotices(limit: Int, lease: Duration) async throws(VaultError) -> [KeyNotice]

  func deleteNotices(_ ids: [UUID]) async throws(VaultError)

  /// Commits a receipt like `record`, if the precondition holds in the same moment; false when it
  /// doesn't, and then nothing is written.
  func record(
    _ receipt: Receipt, use: ConfigUse?, if precondition: ConfigPrecondition
  ) async throws(VaultError) -> Bool
}

/// How long a data key may be in use.
package enum DataKeyLimit {
  /// Another key takes over long before the 2^32 seals under random IVs that AES-GCM allows one key
  /// (NIST SP 800-38D, section 8.3).
  package static let sealsMax = 1 << 31
}

/// What to do with a configuration that was just read.
package struct ConfigChange: Sendable {
  package enum Action: Sendable {
    /// `sealCount` fields were sealed anew. `former` is kept, and the former key that was restored
    /// is one no more: `.notFound` when somebody restored it before.
    case update(StoredConfig, sealCount: Int, former: FormerKey?, restored: UUID?)
    /// What is kept of it; nil for nothing.
    case delete(FormerKey?)
    /// It is already as it should be: nothing is written, no receipt either.
    case nothing
  }

  package let action: Action
  package let receipt: Receipt

  package init(_ action: Action, receipt: Receipt) {
    self.action = action
    self.receipt = receipt
  }
}

/// A use of a key that is recent enough to be noted with its configuration.
package struct ConfigUse: Sendable, Hashable {
  package let configID: UUID
  package let time: Date

  package init(configID: UUID, time: Date) {
    self.configID = configID
    self.time = time
  }
}

/// That a configuration which was read a while ago is still the one to use, to the last bit of its
/// row and of its data key's.
package struct ConfigPrecondition: Sendable, Hashable {
  package let configID: UUID
  package let userID: UserID
  /// `StoredConfig.revision`.
  package let revision: String
  /// It must also still be the one that is preferred where no label is given.
  package let isPreferred: Bool

  package init(configID: UUID, userID: UserID, revision: String, isPreferred: Bool) {
    self.configID = configID
    self.userID = userID
    self.revision = revision
    self.isPreferred = isPreferred
  }
}
