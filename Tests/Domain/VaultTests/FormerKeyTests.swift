import Cryptography
import FoundationEssentials
import Identity
import Receipts
import Testing
import Vault

/// Etags, and what becomes of keys that were replaced or deleted.
@Suite struct FormerKeyTests {
  private static let otherKey = "sk-proj-9876543210zyxwvutsrqponm-other"

  private let vault: TestVault
  private let owner = TestVault.caller()

  init() throws { vault = try TestVault() }

  private func formerKeys(_ config: ProviderConfig) async throws -> [FormerKey] {
    try await vault.service.formerKeys(
      of: config.id.uuidString, for: owner, from: TestVault.origin)
  }

  private func restore(
    _ config: ProviderConfig, _ former: FormerKey, etag: String = "", for caller: Caller? = nil
  ) async throws -> ProviderConfig {
    vault.advance(seconds: 1)
    return try await vault.service.restore(
      config.id.uuidString, version: former.id.uuidString, etag: etag, for: caller ?? owner,
      from: TestVault.origin)
  }

  private func delete(_ config: ProviderConfig, etag: String = "") async throws {
    vault.advance(seconds: 1)
    try await vault.service.delete(
      config.id.uuidString, etag: etag, for: owner, from: TestVault.origin)
  }

  private func undelete(
    _ config: ProviderConfig, for caller: Caller? = nil
  ) async throws -> ProviderConfig {
    try await vault.service.undelete(
      config.id.uuidString, for: caller ?? owner, from: TestVault.origin)
  }

  @Test func aChangeThatNamesAnOlderEtagChangesNothing() async throws {
    let config = try await vault.create(for: owner)
    let changed = try await vault.update(config, label: "work", for: owner)
    #expect(changed.etag != config.etag)
    let id = config.id.uuidString
    let patch = ConfigPatch(label: "home", apiKey: Self.otherKey, baseURL: nil, enabled: nil)
    await #expect(throws: VaultError.changedMeanwhile) {
      try await vault.service.update(
        id, patch, etag: config.etag, for: owner, from: TestVault.origin)
    }
    await #expect(throws: VaultError.changedMeanwhile) {
      try await vault.service.setEnabled(
        id, to: false, etag: config.etag, for: owner, from: TestVault.origin)
    }
    await #expect(throws: VaultError.changedMeanwhile) {
      try await delete(config, etag: config.etag)
    }
    #expect(try await vault.service.get(id, for: owner, from: TestVault.origin) == changed)
    #expect(try await vault.resolve(for: owner).key.revealed == TestVault.key)
    let refused = vault.store.receipts.filter { $0.outcome == .failure }
    #expect(
      refused.map(\.details["reason"]) == Array(repeating: .text("changed-meanwhile"), count: 3))

    let again = try await vault.service.update(
      id, patch, etag: changed.etag, for: owner, from: TestVault.origin)
    #expect(again.label.text == "home")
  }

  @Test func anActThatChangesNothingKeepsTheEtag() async throws {
    let config = try await vault.create(for: owner)
    #expect(try await vault.setEnabled(config, to: true, for: owner).etag == config.etag)
    #expect(try await vault.update(config, label: "default", for: owner).etag == config.etag)
  }

  @Test func aReplacedKeyComesBackWithItsEndpoint() async throws {
    let config = try await vault.create(
      "custom", baseURL: "https://one.example.org/v1", for: owner)
    let changed = try await vault.update(
      config, key: Self.otherKey, baseURL: "https://two.example.org/v1", for: owner)
    #expect(changed.keyVersion != config.keyVersion)
    let former = try #require(try await formerKeys(config).first)
    #expect(former.stored.config.keyVersion == config.keyVersion)

    let restored = try await restore(changed, former, etag: changed.etag)
    #expect(restored.keyVersion == config.keyVersion)
    let used = try await vault.resolve("custom", for: owner)
    #expect(used.key.revealed == TestVault.key)
    #expect(used.baseURL == "https://one.example.org/v1")
    #expect(vault.store.receipts.contains { $0.action == .providerConfigRestore })
    // And back again: what was there before the restoring is a former key in its turn.
    let other = try #require(try await formerKeys(config).first)
    #expect(other.stored.config.keyVersion == changed.keyVersion)
    _ = try await restore(restored, other)
    #expect(try await vault.resolve("custom", for: owner).key.revealed == Self.otherKey)
  }

  @Test func onlyTheNewestFormerKeysAreKept() async throws {
    let config = try await vault.create(for: owner)
    for number in 0..<(FormerKey.perConfigMax + 2) {
      _ = try await vault.update(config, key: "\(Self.otherKey)-\(number)", for: owner)
    }
    let versions = try await formerKeys(config).map(\.stored.config.keyVersion)
    #expect(versions == [7, 6, 5, 4, 3])
  }

  @Test func aChangeThatLeavesTheKeyMakesNoFormerOne() async throws {
    let config = try await vault.create(for: owner)
    _ = try await vault.update(config, label: "work", enabled: false, for: owner)
    #expect(try await formerKeys(config).isEmpty)
  }

  @Test func aDeletedConfigurationComesBackAsItWas() async throws {
    vault.advance(seconds: 1)
    let config = try await vault.service.create(
      NewConfig(
        provider: "openai", label: "work", apiKey: TestVault.key, baseURL: nil, storeAnyway: true,
        notes: NotesPatch(note: "of the lab", tags: ["b", "a", "b"])),
      for: owner, from: TestVault.origin)
    try await delete(config)
    await #expect(throws: VaultError.notFound) {
      try await undelete(config, for: TestVault.caller())
    }
    let deleted = try await vault.service.deletedConfigs(for: owner, from: TestVault.origin)
    #expect(deleted.map(\.stored.config.id) == [config.id])

    let back = try await undelete(config)
    #expect(back.label == config.label)
    #expect(back.notes.note == "of the lab")
    #expect(back.notes.tags == ["a", "b"])
    #expect(back.etag != config.etag)
    #expect(try await vault.resolve(label: "work", for: owner).key.revealed == TestVault.key)
    await #expect(throws: VaultError.notFound) { try await undelete(config) }
    #expect(try await vault.service.deletedConfigs(for: owner, from: TestVault.origin).isEmpty)
  }

  @Test func aLabelThatIsTakenMeanwhileKeepsADeletedOneWhereItIs() async throws {
    let config = try await vault.create(for: owner)
    try await delete(config)
    _ = try await vault.create(for: owner)
    await #expect(throws: VaultError.alreadyExists(provider: "openai", label: .default)) {
      try await undelete(config)
    }
    #expect(try await vault.service.deletedConfigs(for: owner, from: TestVault.origin).count == 1)
  }

  @Test func formerKeysAreDestroyedWhenTheirTimeEndsEachWithAReceipt() async throws {
    let config = try await vault.create(for: owner)
    _ = try await vault.update(config, key: Self.otherKey, for: owner)
    let gone = try await vault.create("anthropic", for: owner)
    try await delete(gone)
    vault.advance(seconds: FormerKey.lifetimeSeconds - 60)
    #expect(try await vault.service.sweep() == 0)
    vault.advance(seconds: 60)
    #expect(try await vault.service.sweep() == 2)
    let receipts = vault.store.receipts.filter { $0.action == .formerKeyDestroy }
    #expect(
      Set(receipts.map(\.target.id)) == [config, gone].map { $0.id.uuidString.lowercased() }.asSet)
    #expect(receipts.allSatisfy { $0.accountID == owner.userID && $0.actor == .service("vault") })
    await #expect(throws: VaultError.notFound) { try await undelete(gone) }
    #expect(vault.store.formerKeys.isEmpty)
  }

  @Test func anothersFormerKeyIsAsAbsentAsNone() async throws {
    let config = try await vault.create(for: owner)
    _ = try await vault.update(config, key: Self.otherKey, for: owner)
    let former = try #require(try await formerKeys(config).first)
    let stranger = TestVault.caller()
    let own = try await vault.create(for: stranger)
    await #expect(throws: VaultError.notFound) { try await restore(config, former, for: stranger) }
    await #expect(throws: VaultError.notFound) { try await restore(own, former, for: stranger) }
    await #expect(throws: VaultError.notFound) { try await restore(own, former) }
    await #expect(throws: VaultError.notFound) {
      try await vault.service.formerKeys(
        of: config.id.uuidString, for: stranger, from: TestVault.origin)
    }
    #expect(try await vault.resolve(for: owner).key.revealed == Self.otherKey)
  }

  @Test func aFormerKeyThatWasTamperedWithIsNotRestored() async throws {
    let config = try await vault.create(for: owner)
    let changed = try await vault.update(config, key: Self.otherKey, for: owner)
    let former = try #require(try await formerKeys(config).first)
    vault.store.tamper(former: former.id) { stored in
      stored.config.origin = "https://attacker.example.org:443"
    }
    await #expect {
      _ = try await restore(changed, former)
    } throws: { error in
      if case VaultError.cannotOpen = error { true } else { false }
    }
    #expect(try await vault.resolve(for: owner).key.revealed == Self.otherKey)
    #expect(try await formerKeys(config).count == 1)
  }
}

extension Array where Element: Hashable {
  fileprivate var asSet: Set<Element> { Set(self) }
}
