import Cryptography
import FoundationEssentials
import Identity

/// One run of a rotation: does what is left of it, batch by batch.
struct RotationRun {
  /// Hears of each batch, with ids of rows that don't open.
  typealias Progress = (Rotation, _ failed: [UUID]) async throws(VaultError) -> Void

  private(set) var rotation: Rotation
  let lease: RotationLease
  private var pace: RotationPace
  private let store: any KeyRotationStore
  private let cipher: ConfigCipher
  private var failed: [UUID] = []
  private var keyring: Keyring { cipher.keyring }

  init(
    rotation: Rotation, lease: RotationLease, pace: RotationPace, store: any KeyRotationStore,
    cipher: ConfigCipher
  ) {
    self.rotation = rotation
    self.lease = lease
    self.pace = pace
    self.store = store
    self.cipher = cipher
  }

  /// Works until nothing is left.
  mutating func work(_ progress: Progress) async throws(VaultError) {
    switch rotation.kind {
    case .rewrap: try await rewrap(progress)
    case .reseal: try await reseal(progress)
    }
  }

  private mutating func fail(_ ids: [UUID]) {
    rotation.rowsFailed += ids.count
    failed += ids.prefix(max(0, KeyManagement.failuresShownMax - failed.count))
  }

  // MARK: Data keys under another master key

  private mutating func rewrap(_ progress: Progress) async throws(VaultError) {
    // A vault that was just told may have wrapped one more with the old key: until none is found.
    while true {
      (rotation.rowsFailed, failed) = (0, [])
      let before = rotation.rowsDone
      for use in try await store.uses()
      where use.keyID != rotation.keyID && use.dataKeyCount > 0 {
        try await rewrap(from: use.keyID, progress)
      }
      if rotation.rowsDone == before { return }
    }
  }

  private mutating func rewrap(
    from source: String, _ progress: Progress
  ) async throws(VaultError) {
    var position: DataKeyPosition?
    repeat {
      let step = try await store.rewrap(
        from: source, after: position, limit: pace.batchRows, lease,
        { [keyring] wrapped in
          guard let dataKey = try? keyring.unwrap(wrapped) else { return nil }
          return try? keyring.wrap(dataKey)
        },
        check: { [keyring] (old, new) throws(VaultError) in
          guard try keyring.unwrap(new).bytes.constantTimeEquals(keyring.unwrap(old).bytes) else {
            throw .cannotSeal(detail: "data key \(new.id) came back as another")
          }
        })
      rotation.rowsDone += step.rowsDone
      fail(step.failed)
      try await progress(rotation, failed)
      try await pace.wait(afterRows: step.rowsDone + step.failed.count)
      position = step.next
    } while position != nil
  }

  // MARK: Fields under other data keys

  private mutating func reseal(_ progress: Progress) async throws(VaultError) {
    var last: UserID?
    while true {
      let users = try await store.users(
        withDataKeysBefore: rotation.startTime, after: last,
        limit: pace.batchRows)
      guard let end = users.last else { return }
      for failed in try await reseal(users) {
        fail([failed.uuid])
        rotation.rowsDone -= 1
      }
      rotation.rowsDone += users.count
      try await progress(rotation, failed)
      try await pace.wait(afterRows: users.count)
      last = end
    }
  }

  /// Returns the users of whom something doesn't open.
  private func reseal(_ users: [UserID]) async throws(VaultError) -> [UserID] {
    let one = OneUser(rotation: rotation, lease: lease, store: store, cipher: cipher)
    let results = await withTaskGroup(of: (UserID, Result<Void, VaultError>).self) { group in
      var results: [(UserID, Result<Void, VaultError>)] = []
      for (index, user) in users.enumerated() {
        if index >= KeyManagement.resealsMax, let result = await group.next() {
          results.append(result)
        }
        group.addTask {
          (user, await one.result { () throws(VaultError) in try await one.reseal(user) })
        }
      }
      for await result in group { results.append(result) }
      return results
    }
    var failed: [UserID] = []
    for (user, result) in results {
      do throws(VaultError) {
        try result.get()
      } catch .cannotOpen {
        failed.append(user)
      }
    }
    return failed
  }
}

/// Seals everything of one user anew.
private struct OneUser: Sendable {
  let rotation: Rotation
  let lease: RotationLease
  let store: any KeyRotationStore
  let cipher: ConfigCipher

  func result(
    _ body: () async throws(VaultError) -> Void
  ) async -> Result<Void, VaultError> {
    do throws(VaultError) {
      return .success(try await body())
    } catch {
      return .failure(error)
    }
  }

  /// Whether both have the same second key, or none.
  private func same(_ old: StoredConfig, _ new: StoredConfig) throws(VaultError) -> Bool {
    guard let key = try cipher.openSecondKey(of: old) else { return new.sealedSecondKey == nil }
    return try cipher.openSecondKey(of: new)?.constantTimeEquals(key) ?? false
  }

  func reseal(_ user: UserID) async throws(VaultError) {
    for attempt in 1...KeyManagement.resealAttemptsMax {
      let dataKey = try cipher.keyring.createDataKey(for: user)
      let outcome = try await store.reseal(
        user, with: dataKey, insteadOfKeysBefore: rotation.startTime, lease,
        { [cipher] (stored) throws(VaultError) in
          var stored = stored
          _ = try cipher.reseal(&stored, with: dataKey)
          return stored
        },
        check: { (old, new) throws(VaultError) in
          let (key, url) = (try cipher.openKey(of: old), try cipher.openURL(of: old))
          guard try cipher.openKey(of: new).constantTimeEquals(key),
            try cipher.openURL(of: new) == url, try same(old, new)
          else {
            throw .cannotSeal(detail: "configuration \(new.config.id) came back as another")
          }
        })
      if outcome == .done { return }
      do {
        try await Task.sleep(for: .milliseconds(10 * attempt))
      } catch {
        throw .cancelled
      }
    }
    throw .storageUnavailable(
      detail: "the keys of user \(user.text) are being changed all the time")
  }
}

/// Holds a rotation to so many rows a second, so that it leaves the database to others.
struct RotationPace {
  /// Rows of one batch: at most those of a second.
  let batchRows: Int
  private let rowsPerSecond: Int
  private var due = ContinuousClock.now

  init(rowsPerSecond: Int, batchRowsMax: Int) {
    self.rowsPerSecond = max(0, rowsPerSecond)
    batchRows = rowsPerSecond > 0 ? min(rowsPerSecond, batchRowsMax) : batchRowsMax
  }

  mutating func wait(afterRows rows: Int) async throws(VaultError) {
    if Task.isCancelled { throw .cancelled }
    guard rowsPerSecond > 0, rows > 0 else { return }
    due = max(due, .now) + .seconds(Double(rows) / Double(rowsPerSecond))
    do {
      try await Task.sleep(until: due)
    } catch {
      throw .cancelled
    }
  }
}
