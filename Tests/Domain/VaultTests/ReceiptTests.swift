import FoundationEssentials
import Identity
import Receipts
import Testing
import Vault

@Suite struct ReceiptTests {
  private let vault: TestVault
  private let owner = TestVault.caller()

  init() throws { vault = try TestVault() }

  @Test func everyChangeAndUseLeavesAReceipt() async throws {
    let config = try await vault.create(for: owner)
    _ = try await vault.setEnabled(config, to: false, for: owner)
    _ = try await vault.setEnabled(config, to: true, for: owner)
    _ = try await vault.update(config, label: "work", key: "sk-0123456789", for: owner)
    _ = try await vault.resolve(label: "work", for: owner)
    try await vault.service.delete(config.id.uuidString, for: owner, from: TestVault.origin)
    let receipts = vault.store.receipts
    #expect(
      receipts.map(\.action) == [
        .providerConfigCreate, .providerConfigDisable, .providerConfigEnable,
        .providerConfigUpdate, .credentialResolve, .providerConfigDelete,
      ])
    for receipt in receipts {
      #expect(receipt.outcome == .success)
      #expect(receipt.accountID == owner.userID)
      #expect(receipt.actor == .user(owner.userID, email: owner.email))
      #expect(receipt.origin == TestVault.origin)
      #expect(receipt.target.id == config.id.uuidString.lowercased())
    }
    #expect(receipts[3].details["changed"] == .text("label,apiKey"))
    #expect(receipts[4].details["purpose"] == .text("POST /v1/models"))
    #expect(receipts[4].target.name == "openai/work")
  }

  @Test func whatFailsLeavesAReceiptThatSaysWhy() async throws {
    let config = try await vault.create(for: owner)
    _ = try await vault.setEnabled(config, to: false, for: owner)
    _ = try? await vault.create(for: owner)
    _ = try? await vault.resolve(for: owner)
    _ = try? await vault.resolve("mistral", for: owner)
    _ = try? await vault.update(config, label: "x", for: TestVault.caller())
    let failures = vault.store.receipts.filter { $0.outcome == .failure }
    #expect(
      failures.map { $0.details["reason"] } == [
        .text("already-exists"), .text("disabled"), .text("not-found"), .text("not-found"),
      ])
  }

  @Test func aKeyIsNotHandedOutWhenItsReceiptCannotBeWritten() async throws {
    _ = try await vault.create(for: owner)
    vault.store.failReceipts(with: .storage(detail: "disk full"))
    await #expect(throws: VaultError.storage(detail: "disk full")) {
      try await vault.resolve(for: owner)
    }
    await #expect(throws: VaultError.storage(detail: "disk full")) {
      try await vault.create("mistral", for: owner)
    }
    #expect(vault.store.stored.count == 1)
  }

  @Test func anOperatorIsNamedAsTheActor() async throws {
    let operated = Caller(userID: owner.userID, email: owner.email, credential: .operator)
    _ = try await vault.importConfig(for: operated)
    let receipt = try #require(vault.store.receipts.first)
    #expect(receipt.actor == .operator)
    #expect(receipt.accountID == owner.userID)
  }

  @Test func noReceiptHoldsTheKey() async throws {
    let config = try await vault.create(for: owner)
    _ = try await vault.update(config, key: TestVault.key, for: owner)
    _ = try await vault.importConfig(for: owner)
    _ = try await vault.resolve(for: owner)
    _ = try? await vault.create(key: TestVault.key + " ", for: owner)
    #expect(!"\(vault.store.receipts)".contains("0123456789"))
  }

  @Test func aPurposeIsBoundedAndClean() async throws {
    _ = try await vault.create(for: owner)
    for purpose in [String(repeating: "p", count: 513), "a\nb", "a\u{0}"] {
      await #expect(throws: VaultError.self) {
        try await vault.resolve(purpose: purpose, for: owner)
      }
    }
  }
}
