package import FoundationEssentials
package import Identity
package import Receipts

/// A run's hold on a rotation: while it lasts nobody else does the work.
package struct RotationLease: Sendable, Hashable {
  package let run: UUID
  /// From the last change on: each prolongs it.
  package let duration: Duration

  package init(run: UUID, duration: Duration) {
    self.run = run
    self.duration = duration
  }
}

/// Where the state of master keys and of their rotation is kept.
///
/// What takes a lease does its work only while that lasts, and prolongs it in the same transaction;
/// it throws `.rotationTaken` when another run holds the rotation.
package protocol KeyRotationStore: Sendable {
  func uses() async throws(VaultError) -> [MasterKeyUse]

  /// The vaults that have said within `silenceMax` what they hold.
  func holders(silenceMax: Duration) async throws(VaultError) -> [KeyHolder]

  /// The rotation under way, else the last.
  func latestRotation() async throws(VaultError) -> Rotation?

  /// Takes over the rotation of this kind and key that is under way, or begins one; one under way
  /// to another end is ended. Throws `.rotationRunning` while another run's lease lasts.
  func begin(
    _ kind: RotationKind, to keyID: String, _ lease: RotationLease
  ) async throws(VaultError) -> Rotation

  /// Puts what `rewrap` makes of the next data keys of `source` in their place; nil leaves one as
  /// it is. `check` sees what the database then holds, before it is committed.
  func rewrap(
    from source: String, after position: DataKeyPosition?, limit: Int, _ lease: RotationLease,
    _ rewrap: @escaping @Sendable (WrappedDataKey) -> WrappedDataKey?,
    check:
      @escaping @Sendable (_ old: WrappedDataKey, _ new: WrappedDataKey) throws(VaultError) ->
      Void
  ) async throws(VaultError) -> RotationStep

  /// Users that have data keys from before `time`, by id.
  func users(
    withDataKeysBefore time: Date, after user: UserID?, limit: Int
  ) async throws(VaultError) -> [UserID]

  /// Gives a user `dataKey`, puts what `reseal` makes of each configuration in its place, and
  /// deletes the data keys from before `time`.
  func reseal(
    _ user: UserID, with dataKey: WrappedDataKey, insteadOfKeysBefore time: Date,
    _ lease: RotationLease,
    _ reseal: @escaping @Sendable (StoredConfig) throws(VaultError) -> StoredConfig,
    check: @escaping @Sendable (_ old: StoredConfig, _ new: StoredConfig) throws(VaultError) -> Void
  ) async throws(VaultError) -> ResealOutcome

  /// Ends the rotation, with its receipt.
  func end(
    _ lease: RotationLease, rowsFailed: Int, receipt: Receipt
  ) async throws(VaultError) -> Rotation

  /// Gives the lease up, so that another run may go on at once.
  func release(_ lease: RotationLease) async throws(VaultError)

  /// Configurations and former keys, of all users.
  func sealedRowCount() async throws(VaultError) -> Int

  /// Configurations behind `id`, by id, of all users.
  func storedConfigs(after id: UUID?, limit: Int) async throws(VaultError) -> [StoredConfig]

  /// Former keys behind `id`, by id, of all users.
  func formerKeys(after id: UUID?, limit: Int) async throws(VaultError) -> [FormerKey]
}
