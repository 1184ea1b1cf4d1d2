import Cryptography
import FoundationEssentials
import Identity
import Receipts
import Testing
import Vault

/// The operator's keys, for who has none of their own.
@Suite struct OperatorKeyTests {
  private static let operatorsKey = "sk-operators-0123456789abcdef-canary"

  private let store = InMemoryVaultStore()
  private let vault: VaultService
  private let owner = TestVault.caller()

  init() throws {
    vault = VaultService(
      store: store, keyring: Keyring(current: try MasterKey.generate()),
      operatorKeys: try OperatorKeys(["openai": SecretBytes(utf8: Self.operatorsKey)]))
  }

  private func resolve(
    _ provider: String = "openai", label: String = ""
  ) async throws -> ResolvedCredential {
    try await vault.resolve(
      provider: provider, label: label, purpose: "test", for: owner, from: TestVault.origin)
  }

  private func create(
    _ provider: String = "openai", label: String = "", key: String = TestVault.key,
    baseURL: String? = nil
  ) async throws -> ProviderConfig {
    try await vault.create(
      NewConfig(
        provider: provider, label: label, apiKey: key, baseURL: baseURL, storeAnyway: true),
      for: owner, from: TestVault.origin)
  }

  @Test func whoHasNoKeyUsesTheOperatorsAndTheReceiptSaysSo() async throws {
    let credential = try await resolve()
    #expect(credential.key.revealed == Self.operatorsKey)
    #expect(credential.config == nil)
    #expect(credential.baseURL == nil)
    let receipt = try #require(store.receipts.last)
    #expect(receipt.action == .credentialResolve)
    #expect(receipt.outcome == .success)
    #expect(receipt.accountID == owner.userID)
    #expect(receipt.details["operatorKey"] == .flag(true))
    #expect(receipt.target.type == "operator-key")
    #expect(receipt.details["origin"] == .text("https://api.openai.com:443"))
  }

  @Test func onesOwnKeyComesFirstWhateverItsStateIs() async throws {
    let config = try await create()
    #expect(try await resolve().key.revealed == TestVault.key)
    _ = try await vault.setEnabled(
      config.id.uuidString, to: false, for: owner, from: TestVault.origin)
    await #expect(throws: VaultError.disabled(provider: "openai", label: .default)) {
      try await resolve()
    }
    try await vault.delete(config.id.uuidString, for: owner, from: TestVault.origin)
    #expect(try await resolve().key.revealed == Self.operatorsKey)
  }

  @Test func theOperatorsKeyIsNeverCombinedWithAUsersEndpoint() async throws {
    let config = try await create(
      "openai", label: "mine", key: "sk-users-own-0123456789",
      baseURL: "https://evil.example.org/v1")
    let used = try await resolve()
    #expect(used.baseURL == "https://evil.example.org/v1")
    #expect(used.key.revealed == "sk-users-own-0123456789")
    // Nor when the user's own key is off, expired or asked for by another name.
    _ = try await vault.setEnabled(
      config.id.uuidString, to: false, for: owner, from: TestVault.origin)
    await #expect(throws: VaultError.self) { try await resolve() }
    await #expect(throws: VaultError.self) { try await resolve(label: "mine") }
    await #expect(throws: VaultError.self) { try await resolve(label: "other") }
    #expect(!store.receipts.contains { $0.details["operatorKey"] != nil })
  }

  @Test func aProviderThatIsNotListedHasNoFallback() async throws {
    await #expect(throws: VaultError.self) { try await resolve("anthropic") }
    #expect(vault.operatorProviders == ["openai"])
  }

  @Test(arguments: ["custom", "azure-openai", "no-such-provider"])
  func aProviderWithoutAnAddressOfItsOwnIsRefused(id: String) throws {
    #expect(throws: VaultError.self) {
      _ = try OperatorKeys([id: SecretBytes(utf8: Self.operatorsKey)])
    }
  }
}
