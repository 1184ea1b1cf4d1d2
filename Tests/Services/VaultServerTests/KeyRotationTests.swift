import Cryptography
import FoundationEssentials
import Identity
import Outbox
import Postgres
import ServiceAPI
import Synchronization
import Testing
import UseCases
import Vault

@testable import VaultServer

/// What workers beside a rotation have done.
private final class Work: Sendable {
  let isOver = Mutex(false)
  let useCount = Mutex(0)
}

private final class Counter: Sendable {
  private let count = Mutex(0)

  func next() -> Int {
    count.withLock { count in
      count += 1
      return count
    }
  }
}

/// Bringing everything under another master key, on a real PostgreSQL.
@Suite struct KeyRotationTests {
  private static let origin = PostgresVaultStoreTests.origin

  /// A vault whose master key is being changed.
  private struct Fixture: Sendable {
    let database: VaultDatabase
    let old: MasterKey
    let new: MasterKey
    /// As a vault that was told of the new key.
    let keyring: Keyring
    let vault: VaultService
    let keys: KeyManagement

    init(_ database: VaultDatabase) async throws {
      self.database = database
      old = try MasterKey.generate()
      new = try MasterKey.generate()
      keyring = Keyring(current: old)
      _ = try await KeyRegister(postgres: database.postgres).check(keyring)
      vault = VaultService(store: database.store, keyring: keyring)
      keys = Self.management(keyring, database)
    }

    static func management(_ keyring: Keyring, _ database: VaultDatabase) -> KeyManagement {
      KeyManagement(
        store: PostgresKeyRotationStore(postgres: database.postgres, outbox: PostgresOutbox()),
        keyring: keyring, batchRows: 5
      ) { (receipt) async throws(VaultError) in
        try await database.store.record(receipt, use: nil)
      }
    }

    /// Stores keys of so many users, every third of them with an endpoint of its own.
    func fill(users: Int, keysEach: Int = 1) async throws -> [Caller] {
      let callers = (0..<users).map { _ in PostgresVaultStoreTests.caller() }
      for (index, caller) in callers.enumerated() {
        for number in 0..<keysEach {
          try await store(
            "k\(number)", for: caller,
            at: index.isMultiple(of: 3) ? "https://llm.example.org/v1" : nil)
        }
      }
      return callers
    }

    func store(_ label: String, for caller: Caller, at url: String? = nil) async throws {
      _ = try await vault.create(
        NewConfig(
          provider: url == nil ? "openai" : "custom", label: label,
          apiKey: PostgresVaultStoreTests.key + label, baseURL: url),
        for: caller, from: KeyRotationTests.origin)
    }

    func takeNewKey() async throws {
      let ring = Keyring(current: new, previous: [old])
      try await KeyRegister(postgres: database.postgres).accept(ring)
      keyring.replace(with: ring)
    }

    func rotate(
      _ kind: RotationKind = .rewrap,
      _ progress: @escaping @Sendable (Rotation) -> Void = { _ in }
    ) async throws(VaultError) -> Rotation {
      try await keys.rotate(
        .init(kind: kind, keyID: "", rowsPerSecond: 0),
        from: KeyRotationTests.origin
      ) { (rotation, _) throws(VaultError) in progress(rotation) }
    }

    /// What opens with these keys and no other.
    func verified(with key: MasterKey) async throws -> KeyVerification {
      try await Self.management(Keyring(current: key), database)
        .verify(from: KeyRotationTests.origin) { (_) throws(VaultError) in }
    }

    func dataKeys(under key: MasterKey) async throws -> Int {
      try await database.count(
        "SELECT count(*) FROM vault.data_keys WHERE kek_id = \(key.identifier)")
    }
  }

  private func withFixture(_ body: (Fixture) async throws -> Void) async throws {
    try await VaultDatabase.with { try await body(try await Fixture($0)) }
  }

  @Test func everythingComesUnderTheNewKeyAndIsTheSameAsBefore() async throws {
    try await withFixture { fixture in
      let callers = try await fixture.fill(users: 30, keysEach: 2)
      try await fixture.takeNewKey()
      let rotation = try await fixture.rotate()
      #expect(rotation.rowsTotal == 30)
      #expect(rotation.rowsDone == 30)
      #expect(rotation.rowsFailed == 0)
      #expect(rotation.endTime != nil)
      #expect(try await fixture.dataKeys(under: fixture.old) == 0)
      #expect(try await fixture.verified(with: fixture.new).rowsOpened == 60)

      let used = try await fixture.vault.resolve(
        provider: "openai", label: "k1", purpose: "test", for: callers[1], from: Self.origin)
      #expect(used.key.withUTF8String { $0 } == PostgresVaultStoreTests.key + "k1")
      let rotated = try await fixture.database.receipts()
        .filter { $0.action == "master-key.rotate" }
      #expect(rotated.map(\.outcome) == [.success])
      #expect(rotated.map(\.target?.id) == [fixture.new.identifier])
    }
  }

  @Test func fieldsAreSealedUnderNewDataKeysAndTheOldOnesAreGone() async throws {
    try await withFixture { fixture in
      _ = try await fixture.fill(users: 12, keysEach: 3)
      let before = try await fixture.database.superuser.all("SELECT id FROM vault.data_keys") {
        (row) throws(PostgresError) in try row.decode("id", as: UUID.self)
      }
      try await fixture.takeNewKey()
      let rotation = try await fixture.rotate(.reseal)
      #expect(rotation.rowsDone == 12)
      let left = try await fixture.database.count(
        "SELECT count(*) FROM vault.data_keys WHERE id = ANY(\(before))")
      #expect(left == 0)
      #expect(try await fixture.dataKeys(under: fixture.new) == 12)
      #expect(try await fixture.verified(with: fixture.new).rowsOpened == 36)
      // Again, from a start that is later: nobody is skipped and nothing is lost.
      #expect(try await fixture.rotate(.reseal).rowsDone == 12)
      #expect(try await fixture.verified(with: fixture.new).rowsFailed == 0)
    }
  }

  @Test(arguments: [RotationKind.rewrap, .reseal])
  func usesAndChangesGoOnMeanwhile(_ kind: RotationKind) async throws {
    try await withFixture { fixture in
      let callers = try await fixture.fill(users: 40)
      try await fixture.takeNewKey()
      let work = Work()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in 0..<4 {
          group.addTask {
            var number = 0
            while !work.isOver.withLock({ $0 }) {
              let caller = callers[(number * 4 + worker) % callers.count]
              try await fixture.store("w\(worker)-\(number)", for: caller)
              let used = try await fixture.vault.resolve(
                provider: "openai", label: "w\(worker)-\(number)", purpose: "test", for: caller,
                from: Self.origin)
              _ = try await fixture.vault.update(
                try #require(used.config).id.uuidString,
                ConfigPatch(label: nil, apiKey: "another-\(number)", baseURL: nil, enabled: nil),
                for: caller, from: Self.origin)
              work.useCount.withLock { $0 += 1 }
              number += 1
            }
          }
        }
        group.addTask {
          defer { work.isOver.withLock { $0 = true } }
          for _ in 0..<3 { _ = try await fixture.rotate(kind) }
        }
        try await group.waitForAll()
      }
      let useCount = work.useCount.withLock { $0 }
      #expect(useCount > 0)
      let sum = try await fixture.verified(with: fixture.new)
      // Each that was changed has a former key.
      #expect(sum.rowsOpened == 40 + 2 * useCount)
      #expect(sum.rowsFailed == 0)
    }
  }

  @Test(arguments: [RotationKind.rewrap, .reseal])
  func aRunThatIsCutOffIsGoneOnWith(_ kind: RotationKind) async throws {
    try await withFixture { fixture in
      _ = try await fixture.fill(users: 30)
      try await fixture.takeNewKey()
      var cuts = 0
      while true {
        // Five rows a batch; the run ends after its second.
        let batchCount = Counter()
        let task = Task {
          try await fixture.rotate(kind) { _ in
            if batchCount.next() == 2 { withUnsafeCurrentTask { $0?.cancel() } }
          }
        }
        guard case .success(let rotation) = await task.result else {
          cuts += 1
          continue
        }
        #expect(rotation.rowsDone == 30)
        break
      }
      #expect(cuts > 0)
      #expect(try await fixture.verified(with: fixture.new).rowsOpened == 30)
      let count = try await fixture.database.count("SELECT count(*) FROM vault.key_rotations")
      #expect(count == 1)
    }
  }

  @Test func twoRunsAtOnceAreRefusedUntilTheFirstIsSilent() async throws {
    try await withFixture { fixture in
      _ = try await fixture.fill(users: 2)
      try await fixture.takeNewKey()
      let store = PostgresKeyRotationStore(
        postgres: fixture.database.postgres, outbox: PostgresOutbox())
      let dead = RotationLease(run: UUID(), duration: .seconds(3_600))
      _ = try await store.begin(.rewrap, to: fixture.new.identifier, dead)
      let refusal = await #expect(throws: VaultError.self) { try await fixture.rotate() }
      guard case .rotationRunning = refusal else {
        Issue.record("\(refusal as Any)")
        return
      }
      try await fixture.database.superuser.execute(
        "UPDATE vault.key_rotations SET lease_time = now()")
      #expect(try await fixture.rotate().rowsDone == 2)
      // What comes back from the dead changes nothing.
      await #expect(throws: VaultError.rotationTaken) {
        try await store.rewrap(
          from: fixture.new.identifier, after: nil, limit: 10, dead, { $0 },
          check: { (_, _) throws(VaultError) in })
      }
    }
  }

  @Test func noVaultIsLeftBehindWithTheOldKeyOnly() async throws {
    try await withFixture { fixture in
      let register = KeyRegister(postgres: fixture.database.postgres)
      let (first, second) = (UUID(), UUID())
      try await fixture.takeNewKey()
      try await register.note(fixture.keyring.ids, of: first)
      try await register.note([fixture.old.identifier], of: second)
      let refusal = VaultError.keyNotEverywhere(
        keyID: fixture.new.identifier, instances: [second])
      await #expect(throws: refusal) { try await fixture.rotate() }
      try await register.forget(second)
      #expect(try await fixture.rotate().endTime != nil)
      let status = try await fixture.keys.status(from: Self.origin)
      #expect(status.holders.map(\.instance) == [first])
      #expect(status.currentKeyID == fixture.new.identifier)
    }
  }

  @Test func whatDoesNotOpenIsLeftAsItIsAndNamed() async throws {
    try await withFixture { fixture in
      let callers = try await fixture.fill(users: 5)
      let damaged = callers[2].userID.uuid
      try await fixture.database.superuser.execute(
        """
        UPDATE vault.data_keys SET wrapped = set_byte(wrapped, 20, 255 - get_byte(wrapped, 20))
         WHERE user_id = \(damaged)
        """)
      try await fixture.takeNewKey()
      let rotation = try await fixture.rotate()
      #expect(rotation.rowsDone == 4)
      #expect(rotation.rowsFailed == 1)
      #expect(try await fixture.dataKeys(under: fixture.old) == 1)
      let resealed = try await fixture.rotate(.reseal)
      #expect(resealed.rowsDone == 4)
      #expect(resealed.rowsFailed == 1)
      let sum = try await fixture.verified(with: fixture.new)
      #expect(sum.rowsOpened == 4)
      #expect(sum.failed.count == 1)
      // Taking the old key away would make it final, so the vault doesn't.
      await #expect(throws: KeyRegisterError.keyStillNeeded(fixture.old.identifier)) {
        try await KeyRegister(postgres: fixture.database.postgres)
          .accept(Keyring(current: fixture.new))
      }
      // Its owner enters it again and all is well.
      let config = try #require(
        try await fixture.vault.list(size: 0, token: "", for: callers[2], from: Self.origin)
          .elements.first)
      _ = try await fixture.vault.update(
        config.id.uuidString,
        ConfigPatch(label: nil, apiKey: "entered-again", baseURL: nil, enabled: nil),
        for: callers[2], from: Self.origin)
      #expect(try await fixture.verified(with: fixture.new).rowsFailed == 0)
    }
  }

  @Test func theWayBackIsTheSameWay() async throws {
    try await withFixture { fixture in
      _ = try await fixture.fill(users: 6)
      try await fixture.takeNewKey()
      _ = try await fixture.rotate()
      fixture.keyring.replace(with: Keyring(current: fixture.old, previous: [fixture.new]))
      #expect(try await fixture.rotate().rowsDone == 6)
      #expect(try await fixture.verified(with: fixture.old).rowsOpened == 6)
      let kept = try await fixture.database.count("SELECT count(*) FROM vault.key_rotations")
      #expect(kept == 2)
    }
  }

  @Test func aDataKeyThatHasSealedOftenGivesWayToAnother() async throws {
    try await withFixture { fixture in
      let caller = try await fixture.fill(users: 1)[0]
      try await fixture.database.superuser.execute(
        "UPDATE vault.data_keys SET seal_count = \(DataKeyLimit.sealsMax)")
      try await fixture.store("next", for: caller)
      #expect(try await fixture.database.count("SELECT count(*) FROM vault.data_keys") == 2)
      #expect(
        try await fixture.database.count(
          "SELECT count(*) FROM vault.data_keys WHERE active AND seal_count = 1") == 1)
      // A change seals what it keeps under the new one as well.
      let custom = try #require(
        try await fixture.vault.list(size: 0, token: "", for: caller, from: Self.origin)
          .elements.first { $0.label.text == "k0" })
      _ = try await fixture.vault.update(
        custom.id.uuidString,
        ConfigPatch(label: nil, apiKey: "changed", baseURL: nil, enabled: nil),
        for: caller, from: Self.origin)
      let used = try await fixture.vault.resolve(
        provider: "custom", label: "k0", purpose: "test", for: caller, from: Self.origin)
      #expect(used.key.withUTF8String { $0 } == "changed")
      #expect(used.baseURL == "https://llm.example.org/v1")
      #expect(
        try await fixture.database.count(
          "SELECT seal_count FROM vault.data_keys WHERE active") == 3)
    }
  }

  @Test func whoseMasterKeyIsLostCanStoreKeysAllTheSame() async throws {
    try await withFixture { fixture in
      let caller = try await fixture.fill(users: 1)[0]
      fixture.keyring.replace(with: Keyring(current: fixture.new))
      _ = try await fixture.database.superuser.execute(
        "INSERT INTO vault.key_encryption_keys (id) VALUES (\(fixture.new.identifier))")
      try await fixture.store("again", for: caller)
      let used = try await fixture.vault.resolve(
        provider: "openai", label: "again", purpose: "test", for: caller, from: Self.origin)
      #expect(used.key.withUTF8String { $0 } == PostgresVaultStoreTests.key + "again")
    }
  }
}
