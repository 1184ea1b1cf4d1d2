import Cryptography
import FoundationEssentials
import Identity
import Providers
import Receipts
import Testing
import Vault

/// What is only stored when its owner insists.
@Suite struct DoubtTests {
  private static let key = "sk-proj-q9ZkW3r7Tt1LmB8xVn2cLp"
  private let vault: TestVault
  private let owner = TestVault.caller()

  init() throws { vault = try TestVault() }

  @Test func aKeyOfAnotherProviderIsStoredOnlyOnInsisting() async throws {
    let key = "sk-ant-api03-q9ZkW3r7Tt1LmB8xVn2c"
    await #expect(throws: VaultError.doubtful(.ofOtherProvider(["Anthropic"]))) {
      try await vault.create(key: key, storeAnyway: false, for: owner)
    }
    #expect(vault.store.stored.isEmpty)
    #expect(vault.store.receipts.isEmpty)
    _ = try await vault.create(key: key, for: owner)
    #expect(vault.store.stored.count == 1)
  }

  @Test func theSameKeyIsStoredTwiceOnlyOnInsisting() async throws {
    _ = try await vault.create(label: "work", key: Self.key, storeAnyway: false, for: owner)
    let held = VaultError.storedAlready(provider: "OpenAI", label: try Label("work"))
    await #expect(throws: held) {
      try await vault.create(label: "other", key: Self.key, storeAnyway: false, for: owner)
    }
    // One that ends alike is another; so is a stranger's, and one for another place.
    _ = try await vault.create(
      label: "alike", key: "sk-proj-1aB7W3r7Tt1LmB8xVn2cLp", storeAnyway: false, for: owner)
    _ = try await vault.create(key: Self.key, storeAnyway: false, for: TestVault.caller())
    _ = try await vault.create(
      "custom", key: Self.key, baseURL: "https://llm.example.org/v1", storeAnyway: false,
      for: owner)
    _ = try await vault.create(label: "other", key: Self.key, for: owner)
  }

  @Test func aReplacementIsDoubtedAsANewKeyIs() async throws {
    let first = try await vault.create(label: "a", key: Self.key, for: owner)
    let second = try await vault.create(
      label: "b", key: "sk-proj-1aB7W3r7Tt1LmB8xVn2cXx", for: owner)
    await #expect(throws: VaultError.doubtful(.placeholder)) {
      try await vault.update(first, key: "YOUR_API_KEY", storeAnyway: false, for: owner)
    }
    await #expect(
      throws: VaultError.storedAlready(provider: "OpenAI", label: try Label("a"))
    ) {
      try await vault.update(second, key: Self.key, storeAnyway: false, for: owner)
    }
    // Its own again is no second one.
    _ = try await vault.update(first, key: Self.key, storeAnyway: false, for: owner)
  }

  @Test func savingWithoutAChangeLeavesNoReceipt() async throws {
    let url = "https://llm.example.org/v1"
    let config = try await vault.create("custom", label: "lab", baseURL: url, for: owner)
    let count = vault.store.receipts.count
    let same = try await vault.update(
      config, label: "lab", baseURL: url, enabled: true, for: owner)
    #expect(same == config)
    _ = try await vault.setEnabled(config, to: true, for: owner)
    #expect(vault.store.receipts.count == count)
    _ = try await vault.update(config, label: "den", baseURL: url, for: owner)
    #expect(vault.store.receipts.count == count + 1)
  }

  @Test func aLabelIsNotEmptiedByMistake() async throws {
    let config = try await vault.create(label: "work", for: owner)
    await #expect(throws: VaultError.invalid(.label, reason: "must not be empty")) {
      try await vault.update(config, label: "", for: owner)
    }
  }

  @Test func aTestOpensTheKeyAndLeavesAReceiptThatSaysSo() async throws {
    let config = try await vault.create(key: Self.key, for: owner)
    _ = try await vault.setEnabled(config, to: false, for: owner)
    let tested = try await vault.service.resolveForTest(
      config.id.uuidString, for: owner, from: TestVault.origin)
    #expect(tested.key.bytes.revealed == Self.key)
    #expect(tested.config?.id == config.id)
    let receipt = try #require(vault.store.receipts.last)
    #expect(receipt == tested.receipt)
    #expect(receipt.action == .credentialTest)
    #expect(receipt.details["purpose"] == .text("GET /v1/models"))
    #expect(receipt.target.name == "openai/default")
    await #expect(throws: VaultError.notFound) {
      try await vault.service.resolveForTest(
        config.id.uuidString, for: TestVault.caller(), from: TestVault.origin)
    }
  }

  @Test func aKeyThatIsNotStoredIsCheckedRecordedAndNotStored() async throws {
    func test(_ provider: String, _ key: String) async throws -> KeyUnderTest {
      try await vault.service.resolveForTest(
        NewConfig(provider: provider, label: "", apiKey: key, baseURL: nil), for: owner,
        from: TestVault.origin)
    }
    let tested = try await test("openai", Self.key)
    #expect(tested.config == nil)
    #expect(tested.key.bytes.revealed == Self.key)
    #expect(vault.store.stored.isEmpty)
    #expect(vault.store.receipts.map(\.action) == [.credentialTest])
    #expect(vault.store.receipts.last?.target.name == "openai")
    await #expect(throws: VaultError.self) { try await test("openai", "two words") }
    await #expect(throws: VaultError.notTestable(provider: "Jina AI")) {
      try await test("jina", "jina_q9ZkW3r7Tt1LmB8xVn2c")
    }
  }

  @Test func whatTheProviderSaysToATestIsTheKeysHealth() async throws {
    let config = try await vault.create(key: Self.key, for: owner)
    let tested = try await vault.service.resolveForTest(
      config.id.uuidString, for: owner, from: TestVault.origin)
    let end = UseEnd(
      of: tested.receipt, status: 401, failure: nil, firstByteMilliseconds: 10, milliseconds: 12,
      requestBytes: 0, responseBytes: 90)
    try await vault.service.recordUses([try #require(end)], by: "gateway")
    let health = try await vault.service.get(
      config.id.uuidString, for: owner, from: TestVault.origin
    ).health
    #expect(health?.lastStatus == 401)
    #expect(health?.consecutiveRefusals == 1)
  }

  @Test func whoeverAsksForALabelThatIsNotThereIsToldWhichAre() async throws {
    _ = try await vault.create(label: "work", for: owner)
    _ = try await vault.create(label: "home", for: owner)
    _ = try await vault.create("mistral", label: "other", for: owner)
    let error = VaultError.noKey(
      provider: "OpenAI", label: try Label("nope"), labels: ["home", "work"])
    await #expect(throws: error) { try await vault.resolve(label: "nope", for: owner) }
    await #expect(throws: VaultError.noKey(provider: "xAI", label: nil, labels: [])) {
      try await vault.resolve("xai", for: owner)
    }
    #expect(vault.store.receipts.last?.details["reason"] == .text("not-found"))
  }
}
