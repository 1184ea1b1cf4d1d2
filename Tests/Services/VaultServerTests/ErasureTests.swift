import Cryptography
import Foundation
import Identity
import Postgres
import Receipts
import ServiceAPI
import Testing
import UseCases
import Vault

@testable import VaultServer

/// The keys of an account that is no more.
@Suite struct ErasureTests {
  private func withVault(
    _ body: (VaultService, VaultDatabase) async throws -> Void
  ) async throws {
    try await VaultDatabase.with { database in
      let keyring = Keyring(current: try MasterKey.generate())
      _ = try await KeyRegister(postgres: database.postgres).check(keyring)
      try await body(VaultService(store: database.store, keyring: keyring), database)
    }
  }

  private func create(_ vault: VaultService, _ label: String, _ caller: Caller) async throws {
    _ = try await vault.create(
      NewConfig(
        provider: "openai", label: label, apiKey: PostgresVaultStoreTests.key, baseURL: nil,
        storeAnyway: true), for: caller, from: CallOrigin())
  }

  @Test func configurationsAndDataKeysAreDestroyedAndTheirNumberRecordedOnce() async throws {
    try await withVault { vault, database in
      let (gone, other) = (PostgresVaultStoreTests.caller(), PostgresVaultStoreTests.caller())
      for label in ["one", "two"] { try await create(vault, label, gone) }
      try await create(vault, "one", other)
      // It is in use at this moment.
      _ = try await vault.resolve(
        provider: "openai", label: "one", purpose: "test", for: gone, from: CallOrigin())
      let destroyed = try await vault.eraseAccount(gone.userID.text, by: "auth")
      #expect(destroyed == DestroyedKeys(configCount: 2, dataKeyCount: 1))
      #expect(try await database.count("SELECT count(*) FROM vault.data_keys") == 1)
      #expect(try await database.count("SELECT count(*) FROM vault.provider_configs") == 1)
      await #expect(throws: VaultError.self) {
        try await vault.resolve(
          provider: "openai", label: "one", purpose: "test", for: gone, from: CallOrigin())
      }
      _ = try await vault.resolve(
        provider: "openai", label: "one", purpose: "test", for: other, from: CallOrigin())
      let again = try await vault.eraseAccount(gone.userID.text, by: "auth")
      #expect(again == DestroyedKeys(configCount: 0, dataKeyCount: 0))
      let receipts = try await database.receipts().filter { $0.action == "account.erase" }
      #expect(receipts.count == 1)
      #expect(receipts.first?.accountId == gone.userID.text)
      #expect(receipts.first?.actor?.id == "auth")
    }
  }

  @Test func anAssertionThatOutlivesItsAccountStoresNothing() async throws {
    try await withVault { vault, database in
      let gone = PostgresVaultStoreTests.caller()
      _ = try await vault.eraseAccount(gone.userID.text, by: "auth")
      await #expect(throws: VaultError.accountErased) { try await create(vault, "late", gone) }
      #expect(try await database.count("SELECT count(*) FROM vault.data_keys") == 0)
    }
  }

  @Test func keysThatAreStoredInTheSameMomentAreDestroyedOrRefused() async throws {
    try await withVault { vault, database in
      for _ in 0..<20 {
        let gone = PostgresVaultStoreTests.caller()
        async let storing: Void = create(vault, "one", gone)
        async let erasing = vault.eraseAccount(gone.userID.text, by: "auth")
        do {
          try await storing
        } catch {
          #expect(error as? VaultError == .accountErased)
        }
        _ = try await erasing
        let left = try await database.count(
          "SELECT count(*) FROM vault.data_keys WHERE user_id = \(gone.userID.uuid)")
        #expect(left == 0)
      }
    }
  }

  @Test func nobodyButAuthHasAnAccountErased() async throws {
    try await withVault { vault, database in
      let owner = PostgresVaultStoreTests.caller()
      try await create(vault, "one", owner)
      await #expect(throws: VaultError.denied(.wrongCredential)) {
        try await vault.eraseAccount(owner.userID.text, by: "gateway")
      }
      #expect(try await database.count("SELECT count(*) FROM vault.data_keys") == 1)
    }
  }
}
