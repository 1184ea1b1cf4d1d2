import Identity
import Receipts
import Testing
import Vault

@Suite struct ImportTests {
  private let vault: TestVault
  private let owner = TestVault.caller()

  init() throws { vault = try TestVault() }

  @Test func aNewKeyIsImported() async throws {
    let result = try await vault.importConfig(for: owner)
    #expect(result.outcome == .imported)
    #expect(result.config?.maskedKey.text == "sk-…nary")
    #expect(vault.store.receipts.map(\.action) == [.providerConfigImport])
  }

  @Test func theSameKeyIsAlreadyPresent() async throws {
    let config = try await vault.create(for: owner)
    let result = try await vault.importConfig(for: owner)
    #expect(result == ImportResult.unchanged(.alreadyPresent, config))
  }

  @Test func anotherKeyOrEndpointIsAConflictAndChangesNothing() async throws {
    let config = try await vault.create(for: owner)
    let before = vault.store.stored
    let otherKey = try await vault.importConfig(key: "sk-another", for: owner)
    let otherURL = try await vault.importConfig(baseURL: "https://example.org", for: owner)
    #expect(otherKey == .unchanged(.conflict, config))
    #expect(otherURL == .unchanged(.conflict, config))
    #expect(vault.store.stored == before)
  }

  @Test func aDryRunStoresNothing() async throws {
    #expect(try await vault.importConfig(validateOnly: true, for: owner).outcome == .imported)
    #expect(vault.store.stored.isEmpty)
    #expect(vault.store.receipts.isEmpty)
    _ = try await vault.create(for: owner)
    let again = try await vault.importConfig(validateOnly: true, for: owner)
    #expect(again.outcome == .alreadyPresent)
    #expect(vault.store.stored.count == 1)
  }

  @Test func aDryRunThatOpensAKeyLeavesAReceipt() async throws {
    _ = try await vault.create(for: owner)
    _ = try await vault.importConfig(validateOnly: true, for: owner)
    _ = try await vault.importConfig(key: "sk-another", validateOnly: true, for: owner)
    let receipts = vault.store.receipts.filter { $0.action == .providerConfigImport }
    #expect(receipts.map(\.outcome) == [.success, .failure])
    #expect(receipts.allSatisfy { $0.details["validateOnly"] == .flag(true) })
    vault.store.failReceipts(with: .storage(detail: "disk full"))
    await #expect(throws: VaultError.storage(detail: "disk full")) {
      try await vault.importConfig(validateOnly: true, for: owner)
    }
  }
}

extension ImportResult {
  fileprivate static func unchanged(_ outcome: Outcome, _ config: ProviderConfig) -> Self {
    ImportResult(outcome: outcome, config: config)
  }
}
