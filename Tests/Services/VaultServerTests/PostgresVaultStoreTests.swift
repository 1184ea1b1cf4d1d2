import Cryptography
import Encodings
import FoundationEssentials
import Identity
import LocalDeployment
import Postgres
import Receipts
import ServiceAPI
import TestSupport
import Testing
import UseCases
import Vault

@testable import VaultServer

/// The vault on a real PostgreSQL.
@Suite struct PostgresVaultStoreTests {
  static let key = "sk-proj-canary-0123456789-canary"
  static let origin = CallOrigin(ipAddress: "192.0.2.7", userAgent: "curl/8", requestID: "r-7")

  private let owner = Self.caller()

  static func caller() -> Caller {
    Caller(
      userID: UserID(UUID()), email: "owner@example.org", credential: .session(UUID()),
      confirmTime: .distantFuture)
  }

  private func withVault(
    _ body: (VaultService, VaultDatabase) async throws -> Void
  ) async throws {
    try await VaultDatabase.with { database in
      let keyring = Keyring(current: try MasterKey.generate())
      _ = try await KeyRegister(postgres: database.postgres).check(keyring)
      try await body(VaultService(store: database.store, keyring: keyring), database)
    }
  }

  private func create(
    _ vault: VaultService, _ provider: String = "openai", label: String = "",
    key: String = Self.key, baseURL: String? = nil, for caller: Caller? = nil
  ) async throws -> ProviderConfig {
    try await vault.create(
      NewConfig(
        provider: provider, label: label, apiKey: key, baseURL: baseURL, storeAnyway: true),
      for: caller ?? owner, from: Self.origin)
  }

  private func resolve(
    _ vault: VaultService, _ provider: String = "openai", label: String = ""
  ) async throws -> ResolvedCredential {
    try await vault.resolve(
      provider: provider, label: label, purpose: "test", for: owner, from: Self.origin)
  }

  @Test func aConfigurationLivesThroughEveryUseCase() async throws {
    try await withVault { vault, database in
      let url = "https://llm.example.org:8443/v1"
      let config = try await create(vault, "custom", label: "home", baseURL: url)
      #expect(try await vault.get(config.id.uuidString, for: owner, from: CallOrigin()) == config)

      let used = try await resolve(vault, "custom", label: "home")
      #expect(used.key.withUTF8String { $0 } == Self.key)
      #expect(used.baseURL == url)

      let id = config.id.uuidString
      let patch = ConfigPatch(
        label: "work", apiKey: "another-key", baseURL: "https://b.example.org", enabled: nil)
      let changed = try await vault.update(id, patch, for: owner, from: Self.origin)
      #expect(changed.origin == "https://b.example.org:443")
      _ = try await vault.setEnabled(id, to: false, for: owner, from: Self.origin)
      await #expect(throws: VaultError.disabled(provider: "custom", label: changed.label)) {
        try await resolve(vault, "custom")
      }
      _ = try await vault.setEnabled(id, to: true, for: owner, from: Self.origin)
      #expect(try await resolve(vault, "custom").key.withUTF8String { $0 } == "another-key")
      let stored = try await vault.get(id, for: owner, from: CallOrigin())
      #expect(stored.lastUseTime != nil)
      try await vault.delete(id, for: owner, from: Self.origin)
      await #expect(throws: VaultError.notFound) {
        try await vault.get(id, for: owner, from: CallOrigin())
      }

      let receipts = try await database.receipts()
      #expect(
        receipts.map(\.action) == [
          "provider-config.create", "credential.resolve", "provider-config.update",
          "provider-config.disable", "credential.resolve", "provider-config.enable",
          "credential.resolve", "provider-config.delete",
        ])
      #expect(
        receipts.map(\.outcome) == [
          .success, .success, .success, .success, .failure, .success, .success, .success,
        ])
    }
  }

  @Test func pagesHoldEveryConfigurationOnceOldestFirst() async throws {
    try await withVault { vault, _ in
      for number in 0..<11 { _ = try await create(vault, label: "k\(number)") }
      _ = try await create(vault, for: Self.caller())
      var labels: [String] = []
      var token = ""
      repeat {
        let page = try await vault.list(size: 4, token: token, for: owner, from: CallOrigin())
        labels += page.elements.map(\.label.text)
        token = page.nextPageToken ?? ""
      } while !token.isEmpty
      #expect(labels == (0..<11).map { "k\($0)" })
    }
  }

  @Test func callsOfANewUserAgreeOnOneDataKey() async throws {
    try await withVault { vault, database in
      try await withThrowingTaskGroup { group in
        for number in 0..<20 {
          group.addTask { _ = try await self.create(vault, label: "k\(number)") }
        }
        try await group.waitForAll()
      }
      #expect(try await database.count("SELECT count(*) FROM vault.data_keys") == 1)
      #expect(try await database.count("SELECT seal_count FROM vault.data_keys") == 20)
      for number in 0..<20 {
        #expect(try await resolve(vault, label: "k\(number)").key.count == Self.key.utf8.count)
      }
    }
  }

  @Test func oneLabelHoldsOneKeyHoweverManyAsk() async throws {
    try await withVault { vault, database in
      let outcomes = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<10 {
          group.addTask { (try? await self.create(vault, label: "one")) != nil }
        }
        return await group.reduce(into: [Bool]()) { $0.append($1) }
      }
      #expect(outcomes.count { $0 } == 1)
      #expect(try await database.count("SELECT count(*) FROM vault.provider_configs") == 1)
      let failures = try await database.receipts().filter { $0.outcome == .failure }
      #expect(failures.count == 9)
      let other = try await create(vault, label: "two")
      let taken = VaultError.alreadyExists(provider: "openai", label: try Label("one"))
      await #expect(throws: taken) {
        try await vault.update(
          other.id.uuidString, ConfigPatch(label: "one", apiKey: nil, baseURL: nil, enabled: nil),
          for: owner, from: Self.origin)
      }
    }
  }

  @Test func aFullAccountIsRefusedExactlyAtItsLimit() async throws {
    try await withVault { vault, database in
      let config = try await create(vault)
      let stored = try #require(
        try await database.store.storedConfig(
          provider: "openai", label: .default, of: owner.userID))
      let outcomes = await withTaskGroup(of: Bool.self) { group in
        for number in 0..<10 {
          group.addTask {
            var copy = stored
            copy.config.id = UUID()
            copy.config.label = Label(stored: "k\(number)")
            let receipt = Receipt(
              actor: .operator, action: .providerConfigCreate,
              target: Receipt.Target(type: "provider-config", id: ""), outcome: .success,
              origin: Self.origin, accountID: self.owner.userID)
            do throws(VaultError) {
              try await database.store.insert(copy, configsMax: 4, receipt: receipt)
              return true
            } catch {
              #expect(error == .tooManyConfigs(max: 4))
              return false
            }
          }
        }
        return await group.reduce(into: [Bool]()) { $0.append($1) }
      }
      #expect(outcomes.count { $0 } == 3)
      #expect(try await vault.get(config.id.uuidString, for: owner, from: CallOrigin()) == config)
    }
  }

  @Test func aRowThatDoesNotOpenNeverBreaksTheList() async throws {
    try await withVault { vault, database in
      _ = try await create(vault, label: "bad")
      _ = try await create(vault, label: "good")
      try await database.superuser.execute(
        "UPDATE vault.provider_configs SET api_key = 'x', origin = '' WHERE label = 'bad'")
      #expect(
        try await vault.list(size: 0, token: "", for: owner, from: CallOrigin()).elements.count == 2
      )
      #expect(try await resolve(vault, label: "good").key.count == Self.key.utf8.count)
      await #expect(throws: VaultError.self) { try await resolve(vault, label: "bad") }
    }
  }

  @Test func noKeyIsInAnyTable() async throws {
    try await withVault { vault, database in
      let secretPath = "0123456789canarypath0123456789"
      let config = try await create(
        vault, "custom", baseURL: "https://llm.example.org/\(secretPath)/v1")
      _ = try await resolve(vault, "custom")
      _ = try await vault.importConfig(
        NewConfig(
          provider: "openai", label: "", apiKey: "other-canary-key", baseURL: nil),
        validateOnly: false, for: owner, from: Self.origin)
      let dump = try await TestPostgres.shared.cluster().dump(database: database.name)
      #expect(dump.contains(config.id.uuidString.lowercased()))
      for secret in [Self.key, secretPath, "other-canary-key"] {
        #expect(!dump.contains(secret))
        // bytea is dumped as hexadecimal.
        #expect(!dump.contains(Hex.encode(secret.utf8)))
      }
    }
  }

  @Test func theRunTimeRoleKeepsToWhatItNeeds() async throws {
    try await VaultDatabase.with { database in
      for statement: PostgresQuery in [
        "TRUNCATE data_keys CASCADE", "DELETE FROM key_encryption_keys",
        "DELETE FROM key_rotations", "TRUNCATE provider_configs",
        "DROP TABLE provider_configs", "UPDATE outbox_set_aside SET problem = ''",
        "CREATE TABLE vault.mine (id int)",
      ] {
        let error = await #expect(throws: PostgresError.self) {
          try await database.postgres.execute(statement)
        }
        guard case .server(let refusal) = error, refusal.sqlState == .insufficientPrivilege else {
          Issue.record("\(statement): \(String(describing: error))")
          continue
        }
      }
    }
  }

  @Test func theSameKeyIsFoundAmongThoseThatEndAlike() async throws {
    try await withVault { vault, _ in
      _ = try await create(vault, label: "work", for: owner)
      let again = NewConfig(provider: "openai", label: "again", apiKey: Self.key, baseURL: nil)
      let held = VaultError.storedAlready(provider: "OpenAI", label: try Label("work"))
      await #expect(throws: held) {
        try await vault.create(again, for: owner, from: Self.origin)
      }
      _ = try await vault.create(again, for: Self.caller(), from: Self.origin)
    }
  }

  @Test func aMissingKeyNamesTheLabelsThatThereAre() async throws {
    try await withVault { vault, _ in
      for label in ["work", "home"] { _ = try await create(vault, label: label) }
      let error = VaultError.noKey(
        provider: "OpenAI", label: try Label("nope"), labels: ["home", "work"])
      await #expect(throws: error) { try await resolve(vault, label: "nope") }
    }
  }

  @Test func aStoredKeyIsOpenedForATest() async throws {
    try await withVault { vault, _ in
      let config = try await create(vault)
      let tested = try await vault.resolveForTest(
        config.id.uuidString, for: owner, from: Self.origin)
      #expect(tested.key.bytes.withUTF8String { $0 } == Self.key)
    }
  }
}
