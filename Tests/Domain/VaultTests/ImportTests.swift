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
    #expect(vault.store.receipts.count == 1)
  }
}

extension ImportResult {
  fileprivate static func unchanged(_ outcome: Outcome, _ config: ProviderConfig) -> Self {
    ImportResult(outcome: outcome, config: config)
  }
}
