import Cryptography
import FoundationEssentials
import Identity
import Receipts
import Testing
import UseCases
import Vault

/// A key is shown to its owner, who has just proved who they are, and to nobody and nothing else.
@Suite struct RevealTests {
  private let owner = TestVault.caller()

  @Test func anOwnerHasAKeyShownWithItsEndpointAndAReceipt() async throws {
    let vault = try TestVault()
    let url = "https://llm.example.org/v1"
    let config = try await vault.create("custom", label: "home", baseURL: url, for: owner)
    _ = try await vault.setEnabled(config, to: false, for: owner)
    let revealed = try await vault.service.reveal(
      config.id.text, for: owner, from: TestVault.origin)
    #expect(revealed.key.bytes.revealed == TestVault.key)
    #expect(revealed.baseURL == url)
    let receipt = try #require(vault.store.receipts.last)
    #expect(receipt.action == .credentialReveal && receipt.outcome == .success)
    #expect(receipt.target.id == config.id.text)
  }

  @Test func aSessionFromBeforeAndAnAccessTokenGetNothing() async throws {
    let vault = try TestVault()
    let config = try await vault.create(for: owner)
    func reveal(as caller: Caller) async throws {
      _ = try await vault.service.reveal(config.id.text, for: caller, from: TestVault.origin)
    }
    let stale = Caller(
      userID: owner.userID, email: owner.email, credential: .session(UUID()),
      confirmTime: .distantPast)
    await #expect(throws: VaultError.denied(.confirmationNeeded)) { try await reveal(as: stale) }
    let token = Caller(
      userID: owner.userID, email: owner.email, credential: .accessToken(UUID()),
      scopes: Scopes(Scope.allCases))
    await #expect(throws: VaultError.denied(.wrongCredential)) { try await reveal(as: token) }
    await #expect(throws: VaultError.notFound) { try await reveal(as: TestVault.caller()) }
    #expect(vault.store.receipts.filter { $0.action == .credentialReveal }.count == 3)
    #expect(
      !vault.store.receipts.contains {
        $0.action == .credentialReveal && $0.outcome == .success
      })
  }

  @Test func anOperatorCanSwitchItOff() async throws {
    let store = InMemoryVaultStore()
    let service = VaultService(
      store: store, keyring: Keyring(current: try MasterKey.generate()), revealsKeys: false)
    let config = try await service.create(
      NewConfig(
        provider: "openai", label: "", apiKey: TestVault.key, baseURL: nil, storeAnyway: true),
      for: owner, from: TestVault.origin)
    await #expect(throws: VaultError.revealOff) {
      try await service.reveal(config.id.text, for: owner, from: TestVault.origin)
    }
    #expect(store.receipts.last?.outcome == .failure)
  }
}
