import Cryptography
import FoundationEssentials
import Identity
import Postgres
import Receipts
import ServiceAPI
import TestSupport
import Testing
import Vault

@testable import VaultServer

/// A configuration that one process holds in memory, and another one changes.
@Suite struct KnownConfigTests {
  private let owner = PostgresVaultStoreTests.caller()

  private struct Vaults {
    let database: VaultDatabase
    let keyring: Keyring
    /// Has used the configuration often enough to hold it.
    let knowing: VaultService
    let other: VaultService
    let config: ProviderConfig
    var id: String { config.id.uuidString }
  }

  /// `label` is that of the configuration; it is asked for without one.
  private func withKnowing(
    label: String = "", _ body: (Vaults) async throws -> Void
  ) async throws {
    try await VaultDatabase.with { database in
      let keyring = Keyring(current: try MasterKey.generate())
      _ = try await KeyRegister(postgres: database.postgres).check(keyring)
      let vaults = Vaults(
        database: database, keyring: keyring,
        knowing: VaultService(store: database.store, keyring: keyring),
        other: VaultService(store: database.store, keyring: keyring),
        config: try await VaultService(store: database.store, keyring: keyring).create(
          NewConfig(
            provider: "custom", label: label, apiKey: PostgresVaultStoreTests.key,
            baseURL: "https://llm.example.org/v1"),
          for: owner, from: PostgresVaultStoreTests.origin))
      for _ in 0..<3 {
        let used = try await use(vaults.knowing)
        #expect(used.key.withUTF8String { $0 } == PostgresVaultStoreTests.key)
        #expect(used.baseURL == "https://llm.example.org/v1")
      }
      try await body(vaults)
    }
  }

  private func use(_ vault: VaultService, label: String = "") async throws -> ResolvedCredential {
    try await vault.resolve(
      provider: "custom", label: label, purpose: "test", for: owner,
      from: PostgresVaultStoreTests.origin)
  }

  private func successes(_ database: VaultDatabase) async throws -> Int {
    try await database.receipts().count {
      $0.action == "credential.resolve" && $0.outcome == .success
    }
  }

  @Test func usesOfAKnownKeyDoNotAskForItsRow() async throws {
    try await withKnowing { vaults in
      // The rows are out of reach for a look, and still compared.
      let before = try await successes(vaults.database)
      try await vaults.database.superuser.execute(
        "REVOKE SELECT ON vault.provider_configs FROM vault")
      try await vaults.database.superuser.execute(
        """
        GRANT SELECT (id, user_id, provider, label, enabled, create_time, data_key_id, xmin)
           ON vault.provider_configs TO vault
        """)
      #expect(
        try await use(vaults.knowing).key.withUTF8String { $0 } == PostgresVaultStoreTests.key)
      #expect(try await successes(vaults.database) == before + 1)
      await #expect(throws: VaultError.self) { try await use(vaults.other) }
    }
  }

  @Test func whatAnotherProcessDisabledIsRefusedAtTheNextUse() async throws {
    try await withKnowing { vaults in
      _ = try await vaults.other.setEnabled(
        vaults.id, to: false, for: owner, from: PostgresVaultStoreTests.origin)
      let before = try await successes(vaults.database)
      await #expect(throws: VaultError.disabled(provider: "custom", label: .default)) {
        try await use(vaults.knowing)
      }
      #expect(try await successes(vaults.database) == before)
    }
  }

  private func missing(_ label: Label?, _ labels: [String]) -> VaultError {
    .noKey(provider: "Custom OpenAI-compatible endpoint", label: label, labels: labels)
  }

  @Test func whatAnotherProcessDeletedIsGoneAtTheNextUse() async throws {
    try await withKnowing { vaults in
      try await vaults.other.delete(
        vaults.id, for: owner, from: PostgresVaultStoreTests.origin)
      await #expect(throws: missing(nil, [])) { try await use(vaults.knowing) }
    }
  }

  @Test func aKeyAndAnEndpointThatAnotherProcessReplacedAreUsedNext() async throws {
    try await withKnowing { vaults in
      _ = try await vaults.other.update(
        vaults.id,
        ConfigPatch(
          label: nil, apiKey: "another-key", baseURL: "https://b.example.org/v1", enabled: nil),
        for: owner, from: PostgresVaultStoreTests.origin)
      let used = try await use(vaults.knowing)
      #expect(used.key.withUTF8String { $0 } == "another-key")
      #expect(used.baseURL == "https://b.example.org/v1")
    }
  }

  @Test func anotherConfigurationThatIsPreferredNowIsUsedNext() async throws {
    try await withKnowing(label: "first") { vaults in
      _ = try await vaults.other.create(
        NewConfig(
          provider: "custom", label: "default", apiKey: "k9-0a1b2c-7Q2",
          baseURL: "https://llm.example.org/v1"),
        for: owner, from: PostgresVaultStoreTests.origin)
      #expect(
        try await use(vaults.knowing).key.withUTF8String { $0 } == "k9-0a1b2c-7Q2")
      #expect(
        try await use(vaults.knowing, label: "first").key.withUTF8String { $0 }
          == PostgresVaultStoreTests.key)
    }
  }

  @Test func aLabelThatMovedLeadsToItsNewConfiguration() async throws {
    try await withKnowing(label: "work") { vaults in
      for _ in 0..<3 { _ = try await use(vaults.knowing, label: "work") }
      _ = try await vaults.other.update(
        vaults.id, ConfigPatch(label: "old", apiKey: nil, baseURL: nil, enabled: nil), for: owner,
        from: PostgresVaultStoreTests.origin)
      let missing = missing(try Label("work"), ["old"])
      await #expect(throws: missing) { try await use(vaults.knowing, label: "work") }
      _ = try await vaults.other.create(
        NewConfig(
          provider: "custom", label: "work", apiKey: "another-key",
          baseURL: "https://llm.example.org/v1"),
        for: owner, from: PostgresVaultStoreTests.origin)
      #expect(
        try await use(vaults.knowing, label: "work").key.withUTF8String { $0 } == "another-key")
    }
  }

  /// As a rotation of the master key does; nothing of the configuration's own row changes.
  @Test func aDataKeyThatWasChangedIsUnwrappedAnew() async throws {
    try await withKnowing { vaults in
      try await vaults.database.superuser.execute(
        "UPDATE vault.data_keys SET wrapped = wrapped || '\\x00'::bytea")
      let before = try await successes(vaults.database)
      let error = await #expect(throws: VaultError.self) { try await use(vaults.knowing) }
      guard case .cannotOpen = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(try await successes(vaults.database) == before)
    }
  }

  @Test func aPreconditionIsCheckedForEachReceiptOfABatch() async throws {
    try await withKnowing { vaults in
      let stored = try #require(
        try await vaults.database.store.storedConfig(
          provider: "custom", label: .default, of: owner.userID))
      func record(_ name: String, _ revision: String?, of user: UserID) async throws -> Bool {
        let receipt = Receipt(
          actor: .operator, action: .credentialResolve,
          target: Receipt.Target(type: "provider-config", id: "", name: name),
          outcome: .success, origin: PostgresVaultStoreTests.origin, accountID: user)
        return try await vaults.database.store.receipts.record(
          receipt, use: nil,
          if: revision.map {
            ConfigPrecondition(
              configID: stored.config.id, userID: user, revision: $0, isPreferred: true)
          })
      }
      try await withThrowingTaskGroup { group in
        for number in 0..<100 {
          group.addTask {
            let isWritten =
              switch number % 4 {
              case 0: try await record("right", stored.revision, of: owner.userID)
              case 1: try await record("wrong", "1.1", of: owner.userID)
              case 2: try await record("wrong", stored.revision, of: UserID(UUID()))
              default: try await record("plain", nil, of: owner.userID)
              }
            #expect(isWritten == [true, false, false, true][number % 4])
          }
        }
        try await group.waitForAll()
      }
      let names = try await vaults.database.receipts().compactMap(\.target?.name)
      #expect(names.count { $0 == "right" } == 25)
      #expect(names.count { $0 == "plain" } == 25)
      #expect(!names.contains("wrong"))
    }
  }
}
