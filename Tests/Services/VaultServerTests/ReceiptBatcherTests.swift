import Cryptography
import FoundationEssentials
import Identity
import Postgres
import Protobuf
import ServiceAPI
import Testing
import Vault

@testable import VaultServer

@Suite struct ReceiptBatcherTests {
  @Test func usesAtTheSameTimeShareCommitsAndEachHasItsReceipt() async throws {
    try await VaultDatabase.with { database in
      let keyring = Keyring(current: try MasterKey.generate())
      _ = try await KeyRegister(postgres: database.postgres).check(keyring)
      let vault = VaultService(store: database.store, keyring: keyring)
      let owner = PostgresVaultStoreTests.caller()
      _ = try await vault.create(
        NewConfig(
          provider: "openai", label: "", apiKey: PostgresVaultStoreTests.key, baseURL: nil),
        for: owner, from: PostgresVaultStoreTests.origin)

      let uses = 400
      try await withThrowingTaskGroup { group in
        for number in 0..<uses {
          group.addTask {
            let credential = try await vault.resolve(
              provider: "openai", label: "", purpose: "use \(number)", for: owner,
              from: PostgresVaultStoreTests.origin)
            #expect(credential.key.count == PostgresVaultStoreTests.key.utf8.count)
          }
        }
        try await group.waitForAll()
      }
      let purposes = try await database.receipts().compactMap { $0.details?.fields["purpose"] }
      #expect(Set(purposes).count == uses)
      let commits = try await database.count(
        "SELECT count(DISTINCT xmin::text) FROM vault.outbox")
      #expect(commits < uses / 2)
    }
  }

  @Test func callersHearOfAFailedCommit() async throws {
    try await VaultDatabase.with { database in
      try await database.superuser.execute("REVOKE INSERT ON vault.outbox FROM vault")
      let owner = PostgresVaultStoreTests.caller()
      let vault = VaultService(
        store: database.store, keyring: Keyring(current: try MasterKey.generate()))
      await withTaskGroup { group in
        for _ in 0..<20 {
          group.addTask {
            let error = await #expect(throws: VaultError.self) {
              try await vault.resolve(
                provider: "openai", label: "", purpose: "", for: owner,
                from: PostgresVaultStoreTests.origin)
            }
            // Not even that there is no key is told without a receipt.
            guard case .storage = error else {
              Issue.record("\(String(describing: error))")
              return
            }
          }
        }
      }
    }
  }
}
