import Cryptography
import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import ServiceAPI
import Testing
import UseCases
import Vault

@testable import VaultServer

/// Former keys, quarantine and notices on a real PostgreSQL.
@Suite struct FormerKeyStoreTests {
  private static let origin = PostgresVaultStoreTests.origin
  private static let key = PostgresVaultStoreTests.key

  private let owner = PostgresVaultStoreTests.caller()

  private func withVault(
    _ body: (VaultService, VaultDatabase, Keyring) async throws -> Void
  ) async throws {
    try await VaultDatabase.with { database in
      let keyring = Keyring(current: try MasterKey.generate())
      _ = try await KeyRegister(postgres: database.postgres).check(keyring)
      try await body(
        VaultService(store: database.store, keyring: keyring, refusalsMax: 3), database, keyring)
    }
  }

  private func create(
    _ vault: VaultService, _ provider: String = "openai", label: String = "",
    baseURL: String? = nil, notes: NotesPatch = NotesPatch()
  ) async throws -> ProviderConfig {
    try await vault.create(
      NewConfig(
        provider: provider, label: label, apiKey: Self.key, baseURL: baseURL, storeAnyway: true,
        notes: notes), for: owner, from: Self.origin)
  }

  private func replace(
    _ vault: VaultService, _ config: ProviderConfig, key: String, baseURL: String? = nil
  ) async throws -> ProviderConfig {
    try await vault.update(
      config.id.uuidString,
      ConfigPatch(label: nil, apiKey: key, baseURL: baseURL, enabled: nil, storeAnyway: true),
      for: owner, from: Self.origin)
  }

  private func resolve(
    _ vault: VaultService, _ provider: String = "openai"
  ) async throws -> ResolvedCredential {
    try await vault.resolve(
      provider: provider, label: "", purpose: "test", for: owner, from: Self.origin)
  }

  private func used(_ vault: VaultService, _ provider: String = "openai") async throws -> String {
    try await resolve(vault, provider).key.withUTF8String { $0 }
  }

  private func end(
    _ vault: VaultService, _ credential: ResolvedCredential, _ status: Int
  ) async throws {
    let end = UseEnd(
      of: credential.receipt, status: status, failure: nil, firstByteMilliseconds: 1,
      milliseconds: 2, requestBytes: 0, responseBytes: 0)
    try await vault.recordUses([try #require(end)], by: "gateway")
  }

  private func get(_ vault: VaultService, _ config: ProviderConfig) async throws -> ProviderConfig {
    try await vault.get(config.id.uuidString, for: owner, from: CallOrigin())
  }

  @Test func aFormerKeyComesBackAndOfManyWhoRestoreItOneDoes() async throws {
    try await withVault { vault, database, _ in
      let config = try await create(vault, "custom", baseURL: "https://one.example.org/v1")
      let changed = try await replace(
        vault, config, key: "another-key", baseURL: "https://two.example.org/v1")
      let former = try await vault.formerKeys(
        of: config.id.uuidString, for: owner, from: Self.origin)
      #expect(former.map(\.stored.config.keyVersion) == [1])
      let outcomes = await withTaskGroup(of: VaultError?.self) { group in
        for _ in 0..<4 {
          group.addTask {
            do throws(VaultError) {
              _ = try await vault.restore(
                config.id.uuidString, version: former[0].id.uuidString, for: self.owner,
                from: Self.origin)
              return nil
            } catch {
              return error
            }
          }
        }
        return await group.reduce(into: [VaultError?]()) { $0.append($1) }
      }
      #expect(outcomes.count { $0 == nil } == 1)
      #expect(outcomes.compactMap(\.self).allSatisfy { $0 == .notFound })
      #expect(try await used(vault, "custom") == Self.key)
      #expect(try await resolve(vault, "custom").baseURL == "https://one.example.org/v1")
      let kept = try await vault.formerKeys(
        of: config.id.uuidString, for: owner, from: Self.origin)
      #expect(kept.map(\.stored.config.keyVersion) == [changed.keyVersion])
    }
  }

  @Test func ofTwoChangesWithTheSameEtagOneIsMade() async throws {
    try await withVault { vault, _, _ in
      let config = try await create(vault)
      let outcomes = await withTaskGroup(of: VaultError?.self) { group in
        for number in 0..<4 {
          group.addTask {
            do throws(VaultError) {
              _ = try await vault.update(
                config.id.uuidString,
                ConfigPatch(label: "k\(number)", apiKey: nil, baseURL: nil, enabled: nil),
                etag: config.etag, for: self.owner, from: Self.origin)
              return nil
            } catch {
              return error
            }
          }
        }
        return await group.reduce(into: [VaultError?]()) { $0.append($1) }
      }
      #expect(outcomes.count { $0 == nil } == 1)
      #expect(outcomes.count { $0 == .changedMeanwhile } == 3)
    }
  }

  @Test func aDeletedConfigurationComesBackWithEverythingButItsHealth() async throws {
    try await withVault { vault, database, _ in
      let day = Date(timeIntervalSince1970: 4_000_000_000)
      let config = try await create(
        vault, label: "work",
        notes: NotesPatch(note: "of the lab", tags: ["a"], expireTime: day, remindTime: day))
      _ = try await replace(vault, config, key: "another-key")
      try await vault.delete(config.id.uuidString, for: owner, from: Self.origin)
      let back = try await vault.undelete(config.id.uuidString, for: owner, from: Self.origin)
      #expect(back == (try await get(vault, config)))
      #expect(
        back.notes == ConfigNotes(note: "of the lab", tags: ["a"], expireTime: day, remindTime: day)
      )
      #expect(try await used(vault) == "another-key")
      #expect(
        try await vault.formerKeys(of: config.id.uuidString, for: owner, from: Self.origin).count
          == 1)
      let actions = try await database.receipts().map(\.action)
      #expect(actions.contains("provider-config.undelete"))
    }
  }

  @Test func formerKeysAreSealedAnewWithTheOthers() async throws {
    try await withVault { vault, database, keyring in
      let config = try await create(vault, "custom", baseURL: "https://one.example.org/v1")
      _ = try await replace(vault, config, key: "another-key")
      let gone = try await create(vault)
      try await vault.delete(gone.id.uuidString, for: owner, from: Self.origin)
      let keys = Self.management(database, keyring)
      let before = try await database.store.dataKey(of: owner.userID)
      let rotation = try await keys.rotate(
        .init(kind: .reseal, keyID: "", rowsPerSecond: 0), from: Self.origin
      ) { (_, _) throws(VaultError) in }
      #expect(rotation.rowsFailed == 0)
      #expect(try await database.store.dataKey(of: owner.userID)?.id != before?.id)
      #expect(try await database.count("SELECT count(*) FROM vault.data_keys") == 1)
      _ = try await vault.undelete(gone.id.uuidString, for: owner, from: Self.origin)
      #expect(try await used(vault) == Self.key)
      let former = try await vault.formerKeys(
        of: config.id.uuidString, for: owner, from: Self.origin)
      _ = try await vault.restore(
        config.id.uuidString, version: former[0].id.uuidString, for: owner, from: Self.origin)
      #expect(try await used(vault, "custom") == Self.key)
    }
  }

  private static func management(_ database: VaultDatabase, _ keyring: Keyring) -> KeyManagement {
    KeyManagement(
      store: PostgresKeyRotationStore(postgres: database.postgres, outbox: PostgresOutbox()),
      keyring: keyring, batchRows: 1
    ) { (receipt) async throws(VaultError) in
      try await database.store.record(receipt, use: nil)
    }
  }

  @Test func aFormerKeyThatDoesNotOpenIsFound() async throws {
    try await withVault { vault, database, keyring in
      let config = try await create(vault)
      for number in 0..<2 { _ = try await replace(vault, config, key: "another-key-\(number)") }
      let keys = Self.management(database, keyring)
      let whole = try await keys.verify(from: Self.origin) { (_) throws(VaultError) in }
      #expect((whole.rowsTotal, whole.rowsOpened, whole.rowsFailed) == (3, 3, 0))
      try await database.superuser.execute(
        """
        UPDATE vault.former_keys SET api_key = set_byte(
                 api_key, octet_length(api_key) - 1,
                 get_byte(api_key, octet_length(api_key) - 1) # 1)
         WHERE id = (SELECT min(id::text)::uuid FROM vault.former_keys)
        """)
      let found = try await keys.verify(from: Self.origin) { (_) throws(VaultError) in }
      #expect((found.rowsTotal, found.rowsOpened, found.rowsFailed) == (3, 2, 1))
      #expect(found.failed == [config.id])
    }
  }

  @Test func formerKeysAreDestroyedWithTheirReceipts() async throws {
    try await withVault { vault, database, _ in
      let config = try await create(vault)
      _ = try await replace(vault, config, key: "another-key")
      #expect(try await vault.sweep() == 0)
      try await database.superuser.execute(
        "UPDATE vault.former_keys SET destroy_time = now() - interval '1 second'")
      #expect(try await vault.sweep() == 1)
      #expect(try await database.count("SELECT count(*) FROM vault.former_keys") == 0)
      let receipt = try #require(
        try await database.receipts().first { $0.action == "former-key.destroy" })
      #expect(receipt.accountId == owner.userID.text)
      #expect(receipt.actor?.id == "vault")
    }
  }

  @Test func aKeyThatIsRefusedInARowGoesIntoQuarantineOnceAndItsOwnerIsTold() async throws {
    try await withVault { vault, database, _ in
      let config = try await create(vault)
      let credential = try await resolve(vault)
      for _ in 0..<3 { try await end(vault, credential, 401) }
      let refused = try await get(vault, config)
      #expect(refused.quarantineTime != nil)
      #expect(refused.health?.consecutiveRefusals == 3)
      #expect(refused.health?.lastFailure == .refused)
      await #expect(throws: VaultError.quarantined(provider: "openai", label: .default)) {
        try await resolve(vault)
      }
      try await end(vault, credential, 401)
      let actions = try await database.receipts().map(\.action)
      #expect(actions.count { $0 == "provider-config.quarantine" } == 1)

      let taken = try await vault.takeNotices(by: "gateway")
      #expect(taken.map(\.name) == ["OpenAI, default"])
      // Somebody has it.
      #expect(try await vault.takeNotices(by: "gateway").isEmpty)
      try await database.superuser.execute(
        "UPDATE vault.key_notices SET retry_time = now() - interval '1 second'")
      #expect(try await vault.takeNotices(by: "gateway") == taken)
      try await vault.deleteNotices(taken.map(\.id.uuidString), by: "gateway")
      #expect(try await database.count("SELECT count(*) FROM vault.key_notices") == 0)

      let back = try await vault.setEnabled(
        config.id.uuidString, to: true, for: owner, from: Self.origin)
      #expect(back.quarantineTime == nil)
      #expect(try await used(vault) == Self.key)
    }
  }

  @Test func whatIsToldOfAKeyThatWasReplacedIsLeftOut() async throws {
    try await withVault { vault, _, _ in
      let config = try await create(vault)
      let old = try await resolve(vault)
      _ = try await replace(vault, config, key: "another-key")
      let new = try await resolve(vault)
      let ends = [(old, 401), (new, 200), (old, 401), (old, 401)].compactMap {
        UseEnd(
          of: $0.0.receipt, status: $0.1, failure: nil, firstByteMilliseconds: 1, milliseconds: 2,
          requestBytes: 0, responseBytes: 0)
      }
      try await vault.recordUses(ends, by: "gateway")
      let health = try #require(try await get(vault, config).health)
      #expect(health.lastStatus == 200)
      #expect(health.consecutiveRefusals == 0)
      #expect(health.lastGoodTime != nil)
    }
  }

  /// What is told of one of two keys is not held against the other.
  @Test func aKeyWhoseSuccessorWorksIsNotQuarantinedNorForItsSuccessorsSake() async throws {
    try await withVault { vault, _, _ in
      let config = try await create(vault)
      _ = try await vault.stage(
        config.id.uuidString, key: "another-key", storeAnyway: true, for: owner,
        from: Self.origin)
      func tell(_ uses: [(ResolvedCredential, Int)]) async throws {
        let ends = uses.compactMap {
          UseEnd(
            of: $0.0.receipt, status: $0.1, failure: nil, firstByteMilliseconds: 1,
            milliseconds: 2, requestBytes: 0, responseBytes: 0)
        }
        #expect(ends.count == uses.count)
        try await vault.recordUses(ends, by: "gateway")
      }
      let first = try await resolve(vault)
      let second = try await vault.resolve(
        provider: "openai", label: "", purpose: "test", insteadOf: first.receipt, for: owner,
        from: Self.origin)
      // In one message: each request was refused with the first and taken with the second.
      try await tell((0..<5).flatMap { _ in [(first, 401), (second, 200)] })
      #expect(try await get(vault, config).quarantineTime == nil)
      // The second is refused again and again, and nobody says anything of the first.
      for _ in 0..<5 { try await tell([(second, 401)]) }
      #expect(try await get(vault, config).quarantineTime == nil)
      // Neither is taken.
      for _ in 0..<3 { try await tell([(first, 401), (second, 401)]) }
      #expect(try await get(vault, config).quarantineTime != nil)
    }
  }

  @Test func anOwnerIsToldOnceOfADate() async throws {
    try await withVault { vault, database, _ in
      let soon = Date().addingTimeInterval(3_600)
      _ = try await create(vault, notes: NotesPatch(expireTime: soon, remindTime: soon))
      _ = try await vault.sweep()
      #expect(try await vault.takeNotices(by: "gateway").isEmpty)
      try await database.superuser.execute(
        "UPDATE vault.provider_configs SET remind_time = now(), expire_time = now()")
      _ = try await vault.sweep()
      _ = try await vault.sweep()
      #expect(
        Set(try await vault.takeNotices(by: "gateway").map(\.kind)) == [.reminder, .expired])
    }
  }

  @Test func aListFindsKeysByWhatTheirOwnerWrote() async throws {
    try await withVault { vault, _, _ in
      _ = try await create(
        vault, label: "one", notes: NotesPatch(note: "Of the Lab 100%", tags: ["team", "x"]))
      let second = try await create(
        vault, label: "two",
        notes: NotesPatch(expireTime: Date(timeIntervalSince1970: 4_000_000_000)))
      _ = try await create(vault, "anthropic", label: "three", notes: NotesPatch(tags: ["team"]))
      _ = try await vault.setEnabled(
        second.id.uuidString, to: false, for: owner, from: Self.origin)
      func labels(
        provider: String = "", tag: String = "", words: String = "",
        state: ConfigFilter.State? = nil, expireBefore: Date? = nil
      ) async throws -> [String] {
        let filter = try ConfigFilter(
          provider: provider, tag: tag, words: words, state: state, expireBefore: expireBefore)
        return try await vault.list(
          filter, size: 0, token: "", for: owner, from: CallOrigin()
        ).elements.map(\.label.text)
      }
      #expect(try await labels() == ["one", "two", "three"])
      #expect(try await labels(tag: "team") == ["one", "three"])
      #expect(try await labels(provider: "openai", tag: "team") == ["one"])
      #expect(try await labels(words: "the lab 100%") == ["one"])
      #expect(try await labels(words: "TW") == ["two"])
      #expect(try await labels(words: "%") == ["one"])
      #expect(try await labels(state: .disabled) == ["two"])
      #expect(try await labels(state: .usable) == ["one", "three"])
      #expect(try await labels(state: .quarantined) == [])
      #expect(
        try await labels(expireBefore: Date(timeIntervalSince1970: 4_100_000_000)) == ["two"])
      #expect(try await labels(expireBefore: Date()) == [])
    }
  }
}
