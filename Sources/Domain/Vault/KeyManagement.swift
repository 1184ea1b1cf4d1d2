import Cryptography
package import FoundationEssentials
package import Identity
package import Receipts
import UseCases

/// The use cases of an operator who looks after the master key.
package struct KeyManagement: Sendable {
  /// Rows of one transaction.
  package static let batchRowsDefault = 500
  /// How long a run may be silent before another takes its place.
  static let leaseTimeout: Duration = .seconds(15)
  /// A vault that has said nothing for so long has ended.
  package static let silenceMax: Duration = .seconds(20)
  /// Ids of rows that don't open which an answer names.
  package static let failuresShownMax = 100
  /// Users whose fields are sealed anew at once.
  static let resealsMax = 4
  /// How often a user whose keys are being changed is come back to.
  static let resealAttemptsMax = 50

  let door: Door<VaultError>
  let store: any KeyRotationStore
  let cipher: ConfigCipher
  let batchRows: Int
  var keyring: Keyring { cipher.keyring }

  package init(
    store: any KeyRotationStore, keyring: Keyring, batchRows: Int = Self.batchRowsDefault,
    clock: @escaping @Sendable () -> Date = { Date() },
    record: @escaping @Sendable (Receipt) async throws(VaultError) -> Void
  ) {
    door = Door(clock: clock, record: record)
    self.store = store
    self.batchRows = batchRows
    cipher = ConfigCipher(keyring: keyring, cache: DataKeyCache(keysMax: Self.resealsMax * 4))
  }

  /// Says which master keys are needed, which vaults hold them, and how far a rotation is.
  package func status(from origin: CallOrigin) async throws(VaultError) -> KeyStatus {
    try await door.perform(.masterKeyGet, by: .operator, from: origin) {
      (_) async throws(VaultError) -> Act<KeyStatus> in
      .looked(
        KeyStatus(
          currentKeyID: keyring.currentID, uses: try await store.uses(),
          holders: try await store.holders(silenceMax: Self.silenceMax),
          rotation: try await store.latestRotation()))
    }
  }

  /// What an operator asks a rotation for.
  package struct RotationRequest: Sendable {
    package let kind: RotationKind
    /// The key that must be current; empty takes whichever is.
    package let keyID: String
    /// Rows a second at most; 0 sets no limit.
    package let rowsPerSecond: Int

    package init(kind: RotationKind, keyID: String, rowsPerSecond: Int) {
      self.kind = kind
      self.keyID = keyID
      self.rowsPerSecond = rowsPerSecond
    }
  }

  /// Brings everything under the current master key, or goes on where another run has ended;
  /// `progress` hears of each batch, with ids of rows that don't open.
  ///
  /// Reads and writes go on meanwhile. What is done is committed batch by batch, each row opened
  /// again before its commit, so that it may be cut off anywhere.
  package func rotate(
    _ request: RotationRequest, from origin: CallOrigin,
    _ progress: @Sendable (Rotation, _ failed: [UUID]) async throws(VaultError) -> Void
  ) async throws(VaultError) -> Rotation {
    try await door.perform(.masterKeyRotate, by: .operator, from: origin) {
      (entry) async throws(VaultError) -> Act<Rotation> in
      let keyID = keyring.currentID
      entry.set(Receipt.Target(type: entry.action.targetType, id: keyID))
      entry.set("kind", .text(request.kind.rawValue))
      try await checkKey(keyID, asked: request.keyID)
      let lease = RotationLease(run: UUID(), duration: Self.leaseTimeout)
      var run = RotationRun(
        rotation: try await store.begin(request.kind, to: keyID, lease), lease: lease,
        pace: RotationPace(rowsPerSecond: request.rowsPerSecond, batchRowsMax: batchRows),
        store: store, cipher: cipher)
      do throws(VaultError) {
        try await run.work(progress)
      } catch {
        // Whoever comes next needn't wait for the lease to end; if this fails, they do. A task of
        // its own, because this one may be cancelled.
        _ = await Task { [store] in try? await store.release(lease) }.value
        throw error
      }
      entry.set("rows", .number(run.rotation.rowsDone))
      entry.set("failed", .number(run.rotation.rowsFailed))
      return .committed(
        try await store.end(
          lease, rowsFailed: run.rotation.rowsFailed, receipt: entry.success(at: door.now)))
    }
  }

  private func checkKey(_ keyID: String, asked: String) async throws(VaultError) {
    guard asked.isEmpty || asked == keyID else { throw .otherKeyCurrent(keyID: keyID) }
    let others = try await store.holders(silenceMax: Self.silenceMax)
      .filter { $0.keyIDs.first != keyID }
    guard others.isEmpty else {
      throw .keyNotEverywhere(keyID: keyID, instances: others.map(\.instance))
    }
  }

  /// Opens every stored key, former ones too, and says which don't open; `progress` hears of each
  /// batch.
  package func verify(
    from origin: CallOrigin, _ progress: (KeyVerification) async throws(VaultError) -> Void
  ) async throws(VaultError) -> KeyVerification {
    try await door.perform(.masterKeyVerify, by: .operator, from: origin) {
      (entry) async throws(VaultError) -> Act<KeyVerification> in
      var sum = KeyVerification(
        rowsTotal: try await store.sealedRowCount(), rowsOpened: 0, rowsFailed: 0, failed: [])
      try await verify(
        &sum, progress,
        batches: { (last) throws(VaultError) in
          try await store.storedConfigs(after: last, limit: batchRows).map { ($0.config.id, $0) }
        })
      try await verify(
        &sum, progress,
        batches: { (last) throws(VaultError) in
          try await store.formerKeys(after: last, limit: batchRows).map { ($0.id, $0.stored) }
        })
      entry.set("opened", .number(sum.rowsOpened))
      entry.set("failed", .number(sum.rowsFailed))
      return .succeeded(sum)
    }
  }

  private func verify(
    _ sum: inout KeyVerification, _ progress: (KeyVerification) async throws(VaultError) -> Void,
    batches: (_ last: UUID?) async throws(VaultError) -> [(id: UUID, stored: StoredConfig)]
  ) async throws(VaultError) {
    var last: UUID?
    while true {
      let batch = try await batches(last)
      guard let end = batch.last else { return }
      for (_, stored) in batch { sum.count(stored, isOpening: opens(stored)) }
      last = end.id
      try await progress(sum)
      if Task.isCancelled { throw .cancelled }
    }
  }

  private func opens(_ stored: StoredConfig) -> Bool {
    do {
      _ = try cipher.openKey(of: stored)
      _ = try cipher.openURL(of: stored)
      _ = try cipher.openSecondKey(of: stored)
      return true
    } catch {
      return false
    }
  }
}

extension KeyVerification {
  fileprivate mutating func count(_ stored: StoredConfig, isOpening: Bool) {
    if isOpening {
      rowsOpened += 1
    } else {
      rowsFailed += 1
      if failed.count < KeyManagement.failuresShownMax { failed.append(stored.config.id) }
    }
  }
}
