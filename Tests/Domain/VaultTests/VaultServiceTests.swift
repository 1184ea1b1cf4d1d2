import Cryptography
import FoundationEssentials
import Identity
import Receipts
import Testing
import UseCases
import Vault

@Suite struct VaultServiceTests {
  private let vault: TestVault
  private let owner = TestVault.caller()

  private static let noKey = VaultError.noKey(provider: "OpenAI", label: nil, labels: [])

  init() throws { vault = try TestVault() }

  @Test func aStoredKeyComesBackAndIsShownMasked() async throws {
    let config = try await vault.create(for: owner)
    #expect(config.maskedKey.text == "sk-…nary")
    #expect(config.label == .default)
    #expect(config.origin == "https://api.openai.com:443")
    let credential = try await vault.resolve(for: owner)
    #expect(credential.key.revealed == TestVault.key)
    #expect(credential.baseURL == nil)
    #expect(
      try await vault.service.get(config.id.uuidString, for: owner, from: CallOrigin()).label
        == .default)
  }

  @Test func anEndpointOfOnesOwnComesBackAndIsShownMasked() async throws {
    let url = "https://llm.example.org:8443/tenant/0123456789abcdef0123456789/v1"
    let config = try await vault.create("custom", label: "home", baseURL: url, for: owner)
    #expect(config.baseURLHint == "https://llm.example.org:8443/tenant/…/v1")
    #expect(config.origin == "https://llm.example.org:8443")
    #expect(try await vault.resolve("custom", label: "home", for: owner).baseURL == url)
  }

  @Test func oneLabelHoldsOneKey() async throws {
    _ = try await vault.create(label: "work", for: owner)
    let clash = VaultError.alreadyExists(provider: "openai", label: try Label("work"))
    await #expect(throws: clash) { try await vault.create(label: "work", for: owner) }
    _ = try await vault.create("mistral", label: "work", for: owner)
    _ = try await vault.create(label: "work", for: TestVault.caller())
  }

  @Test(arguments: [
    ("nonesuch", "", TestVault.key, nil, VaultError.Field.provider),
    ("", "", TestVault.key, nil, .provider),
    ("openai", "Work", TestVault.key, nil, .label),
    ("openai", String(repeating: "a", count: 65), TestVault.key, nil, .label),
    ("openai", "", "", nil, .apiKey),
    ("openai", "", " sk-x", nil, .apiKey),
    ("openai", "", "sk-x\n", nil, .apiKey),
    ("openai", "", "sk x", nil, .apiKey),
    ("openai", "", "sk-é", nil, .apiKey),
    ("openai", "", "sk-\u{0}", nil, .apiKey),
    ("openai", "", String(repeating: "k", count: 8_193), nil, .apiKey),
    ("openai", "", TestVault.key, "ftp://example.org", .baseURL),
    ("openai", "", TestVault.key, "https://user:pw@example.org", .baseURL),
    ("custom", "", TestVault.key, nil, .baseURL),
  ])
  func badInputNamesItsField(
    provider: String, label: String, key: String, baseURL: String?, field: VaultError.Field
  ) async throws {
    let error = await #expect(throws: VaultError.self) {
      try await vault.create(provider, label: label, key: key, baseURL: baseURL, for: owner)
    }
    guard case .invalid(field, _) = error else {
      Issue.record("refused with \(String(describing: error))")
      return
    }
    #expect(vault.store.stored.isEmpty)
    #expect(vault.store.receipts.isEmpty)
  }

  @Test func aProviderWithoutKeysNeedsNone() async throws {
    let config = try await vault.create(
      "ollama", key: "", baseURL: "http://localhost:11434", for: owner)
    #expect(config.maskedKey.text.isEmpty)
    let credential = try await vault.resolve("ollama", for: owner)
    #expect(credential.key.count == 0)
    let moved = try await vault.update(config, baseURL: "http://localhost:11435", for: owner)
    #expect(moved.origin == "http://localhost:11435")
    #expect(try await vault.resolve("ollama", for: owner).baseURL == "http://localhost:11435")
  }

  @Test func aListPagesThroughEveryConfigurationOldestFirst() async throws {
    for number in 0..<7 { _ = try await vault.create(label: "k\(number)", for: owner) }
    _ = try await vault.create(for: TestVault.caller())
    var labels: [String] = []
    var token = ""
    repeat {
      let page = try await vault.service.list(size: 3, token: token, for: owner, from: CallOrigin())
      labels += page.elements.map(\.label.text)
      token = page.nextPageToken ?? ""
    } while !token.isEmpty
    #expect(labels == (0..<7).map { "k\($0)" })
  }

  @Test(arguments: ["x", "AA", "💥", String(repeating: "A", count: 34)])
  func aForeignPageTokenIsRefused(token: String) async {
    let refusal = VaultError.invalid(.pageToken, reason: "is not a page token of this service")
    await #expect(throws: refusal) {
      try await vault.service.list(size: 3, token: token, for: owner, from: CallOrigin())
    }
  }

  @Test func aRowThatDoesNotOpenNeverBreaksTheList() async throws {
    let bad = try await vault.create(label: "bad", for: owner)
    _ = try await vault.create(label: "good", for: owner)
    var row = try #require(vault.store.stored.first { $0.config.id == bad.id })
    row.sealedKey = SealedField(stored: [])
    row.config.label = Label(stored: "Not a label!")
    vault.store.tamper(row)
    let page = try await vault.service.list(size: 0, token: "", for: owner, from: CallOrigin())
    #expect(page.elements.count == 2)
    #expect(try await vault.resolve(label: "good", for: owner).key.revealed == TestVault.key)
  }

  @Test func replacingTheKeyKeepsTheRest() async throws {
    let config = try await vault.create(for: owner)
    let changed = try await vault.update(config, key: "sk-another-key-of-some-length", for: owner)
    #expect(changed.maskedKey.text == "sk-…ngth")
    #expect(changed.updateTime > config.updateTime)
    #expect(changed.createTime == config.createTime)
    let credential = try await vault.resolve(for: owner)
    #expect(credential.key.revealed == "sk-another-key-of-some-length")
  }

  @Test func aKeyDoesNotFollowToAnotherOrigin() async throws {
    let config = try await vault.create(
      "custom", baseURL: "https://a.example.org/one", for: owner)
    let refusal = VaultError.invalid(
      .apiKey,
      reason: "is required when the endpoint moves to another origin, for a key is bound to it")
    await #expect(throws: refusal) {
      try await vault.update(config, baseURL: "https://b.example.org/one", for: owner)
    }
    // Another path of the same origin is no other place.
    _ = try await vault.update(config, baseURL: "https://a.example.org/two", for: owner)
    let same = try await vault.resolve("custom", for: owner)
    #expect(same.baseURL == "https://a.example.org/two")
    #expect(same.key.revealed == TestVault.key)

    _ = try await vault.update(
      config, key: "a-key-for-the-other-host", baseURL: "https://b.example.org", for: owner)
    let moved = try await vault.resolve("custom", for: owner)
    #expect(moved.baseURL == "https://b.example.org")
    #expect(moved.key.revealed == "a-key-for-the-other-host")
  }

  @Test func aDisabledConfigurationKeepsItsKeyAndRefusesItsUse() async throws {
    let config = try await vault.create(for: owner)
    #expect(try await vault.setEnabled(config, to: false, for: owner).enabled == false)
    await #expect(throws: VaultError.disabled(provider: "openai", label: .default)) {
      try await vault.resolve(for: owner)
    }
    #expect(try await vault.setEnabled(config, to: true, for: owner).enabled)
    #expect(try await vault.resolve(for: owner).key.revealed == TestVault.key)
  }

  @Test func aDeletedConfigurationIsGone() async throws {
    let config = try await vault.create(for: owner)
    try await vault.service.delete(config.id.uuidString, for: owner, from: TestVault.origin)
    await #expect(throws: VaultError.notFound) {
      try await vault.service.get(config.id.uuidString, for: owner, from: CallOrigin())
    }
    await #expect(throws: Self.noKey) { try await vault.resolve(for: owner) }
  }

  @Test func withoutALabelTheDefaultElseTheOldestEnabledIsUsed() async throws {
    let oldest = try await vault.create(label: "oldest", key: "key-number-one", for: owner)
    _ = try await vault.create(label: "newer", key: "key-number-two", for: owner)
    #expect(try await vault.resolve(for: owner).config?.label.text == "oldest")
    _ = try await vault.setEnabled(oldest, to: false, for: owner)
    #expect(try await vault.resolve(for: owner).config?.label.text == "newer")
    let chosen = try await vault.create(label: "default", key: "key-number-three", for: owner)
    #expect(try await vault.resolve(for: owner).config?.label == .default)
    _ = try await vault.setEnabled(chosen, to: false, for: owner)
    await #expect(throws: VaultError.disabled(provider: "openai", label: .default)) {
      try await vault.resolve(for: owner)
    }
  }

  @Test func theTimeOfLastUseIsPreciseToAMinute() async throws {
    let config = try await vault.create(for: owner)
    func lastUse() async throws -> Date? {
      try await vault.service.get(config.id.uuidString, for: owner, from: CallOrigin()).lastUseTime
    }
    _ = try await vault.resolve(for: owner)
    let first = try #require(try await lastUse())
    vault.advance(seconds: 59)
    _ = try await vault.resolve(for: owner)
    #expect(try await lastUse() == first)
    vault.advance(seconds: 1)
    _ = try await vault.resolve(for: owner)
    #expect(try await lastUse() == first + 60)
  }

  @Test func noOtherUserReachesAConfiguration() async throws {
    let config = try await vault.create(for: owner)
    let id = config.id.uuidString
    let other = TestVault.caller()
    _ = try await vault.create("mistral", for: other)
    await #expect(throws: VaultError.notFound) {
      try await vault.service.get(id, for: other, from: CallOrigin())
    }
    await #expect(throws: VaultError.notFound) {
      try await vault.update(config, label: "mine", for: other)
    }
    await #expect(throws: VaultError.notFound) {
      try await vault.setEnabled(config, to: false, for: other)
    }
    await #expect(throws: VaultError.notFound) {
      try await vault.service.delete(id, for: other, from: TestVault.origin)
    }
    await #expect(throws: Self.noKey) { try await vault.resolve(for: other) }
    let page = try await vault.service.list(size: 0, token: "", for: other, from: CallOrigin())
    #expect(page.elements.map(\.provider) == ["mistral"])
    #expect(try await vault.resolve(for: owner).key.revealed == TestVault.key)
  }

  @Test(arguments: ["", "x", "../1"])
  func anIDThatIsNoneNamesNothing(id: String) async {
    await #expect(throws: VaultError.self) {
      try await vault.service.get(id, for: owner, from: CallOrigin())
    }
  }
}
