import Cryptography
import FoundationEssentials
import Identity
import Receipts
import Testing
import Vault

/// A new key beside the old one: tried, switched to, and the old one destroyed.
@Suite struct SecondKeyTests {
  private static let newKey = "sk-proj-9876543210zyxwvutsrqponm-second"

  private let vault: TestVault
  private let owner = TestVault.caller()

  init() throws { vault = try TestVault() }

  private func stage(
    _ config: ProviderConfig, key: String = Self.newKey, etag: String = ""
  ) async throws -> ProviderConfig {
    vault.advance(seconds: 1)
    return try await vault.service.stage(
      config.id.uuidString, key: key, storeAnyway: true, etag: etag, for: owner,
      from: TestVault.origin)
  }

  private func switchKeys(
    _ config: ProviderConfig, overlap: Int = 3_600, etag: String = ""
  ) async throws -> ProviderConfig {
    vault.advance(seconds: 1)
    return try await vault.service.switchKeys(
      config.id.uuidString, overlapSeconds: overlap, etag: etag, for: owner,
      from: TestVault.origin)
  }

  private func used(insteadOf refused: ResolvedCredential? = nil) async throws -> String {
    try await resolve(insteadOf: refused).key.revealed
  }

  private func resolve(
    insteadOf refused: ResolvedCredential? = nil, for caller: Caller? = nil
  ) async throws -> ResolvedCredential {
    try await vault.service.resolve(
      provider: "openai", label: "", purpose: "test", insteadOf: refused?.receipt,
      for: caller ?? owner, from: TestVault.origin)
  }

  private func end(_ use: ResolvedCredential, _ status: Int) async throws {
    let end = UseEnd(
      of: use.receipt, status: status, failure: nil, firstByteMilliseconds: 1, milliseconds: 2,
      requestBytes: 0, responseBytes: 0)
    try await vault.service.recordUses([try #require(end)], by: "gateway")
  }

  @Test func aNewKeyIsTriedSwitchedToAndItsPredecessorDestroyed() async throws {
    let config = try await vault.create(for: owner)
    let staged = try await stage(config)
    #expect(staged.secondKey?.role == .next)
    #expect(try await used() == TestVault.key)
    let tested = try await vault.service.resolveForTest(
      config.id.uuidString, isSecond: true, for: owner, from: TestVault.origin)
    #expect(tested.key.bytes.revealed == Self.newKey)

    let switched = try await switchKeys(config, etag: staged.etag)
    #expect(switched.maskedKey == staged.secondKey?.maskedKey)
    #expect(switched.secondKey?.role == .previous)
    #expect(try await used() == Self.newKey)
    vault.advance(seconds: 3_600)
    let gone = try await resolve()
    #expect(!gone.hasOther)
    #expect(try await vault.service.sweep() == 1)
    let stored = try #require(vault.store.stored.first)
    #expect(stored.sealedSecondKey == nil)
    #expect(stored.config.secondKey == nil)
    let destroyed = try #require(
      vault.store.receipts.first { $0.action == .formerKeyDestroy })
    #expect(destroyed.accountID == owner.userID)
    #expect(destroyed.details["keyVersion"] == .number(config.keyVersion))
    await #expect(throws: VaultError.noSecondKey) { try await switchKeys(config) }
  }

  @Test func whenTheProviderRefusesOneTheOtherIsGivenForTheSameRequest() async throws {
    let config = try await vault.create(for: owner)
    let alone = try await resolve()
    #expect(!alone.hasOther)
    await #expect(throws: VaultError.noSecondKey) { try await used(insteadOf: alone) }
    _ = try await stage(config)
    let first = try await resolve()
    #expect(first.hasOther)
    let second = try await resolve(insteadOf: first)
    #expect(second.key.revealed == Self.newKey)
    // One request goes to two keys at most.
    #expect(!second.hasOther)
    #expect(second.receipt.details["fallback"] == .flag(true))
    #expect(second.receipt.details["keyVersion"] != first.receipt.details["keyVersion"])
  }

  @Test func aRefusedKeyIsLeftAloneForAWhile() async throws {
    let config = try await vault.create(for: owner)
    _ = try await stage(config)
    try await end(try await resolve(), 401)
    let next = try await resolve()
    #expect(next.key.revealed == Self.newKey)
    #expect(next.hasOther)
    vault.advance(seconds: SecondKey.fallbackSeconds + 1)
    #expect(try await used() == TestVault.key)
    // Refused in its turn, the second one gives way at once.
    try await end(try await resolve(), 401)
    try await end(try await resolve(), 401)
    #expect(try await used() == TestVault.key)
  }

  @Test func anothersTicketOrAnotherConfigurationsOpensNothing() async throws {
    let config = try await vault.create(for: owner)
    _ = try await stage(config)
    let stranger = TestVault.caller()
    _ = try await vault.create(for: stranger)
    let theirs = try await vault.service.resolve(
      provider: "openai", label: "", purpose: "test", for: stranger, from: TestVault.origin)
    await #expect(throws: VaultError.noSecondKey) { try await used(insteadOf: theirs) }
    let mine = try await resolve()
    await #expect(throws: VaultError.noSecondKey) {
      try await resolve(insteadOf: mine, for: stranger)
    }
  }

  @Test func aSecondKeyDoesNotFollowToAnotherHost() async throws {
    let config = try await vault.create("custom", baseURL: "https://one.example.org", for: owner)
    _ = try await stage(config)
    let moved = try await vault.update(
      config, key: "another", baseURL: "https://two.example.org", for: owner)
    #expect(moved.secondKey == nil)
    #expect(vault.store.stored.first?.sealedSecondKey == nil)
  }

  @Test func aSecondKeyStaysWhenTheFirstIsReplacedOnTheSameHost() async throws {
    let config = try await vault.create(for: owner)
    _ = try await stage(config)
    let changed = try await vault.update(config, key: "sk-proj-third-0123456789abcdef", for: owner)
    #expect(changed.secondKey?.role == .next)
    let first = try await resolve()
    #expect(try await used(insteadOf: first) == Self.newKey)
  }

  @Test func switchingWithoutAnOverlapDestroysAtOnceAndBackAndForthIsPossible() async throws {
    let config = try await vault.create(for: owner)
    _ = try await stage(config)
    _ = try await switchKeys(config)
    let back = try await switchKeys(config)
    #expect(back.keyVersion == config.keyVersion)
    #expect(try await used() == TestVault.key)
    let final = try await switchKeys(config, overlap: 0)
    #expect(final.secondKey == nil)
    #expect(try await used() == Self.newKey)
    #expect(vault.store.formerKeys.isEmpty)
  }

  @Test func badInputNamesItsField() async throws {
    let config = try await vault.create(for: owner)
    let staged = try await stage(config)
    await #expect(throws: VaultError.changedMeanwhile) {
      try await stage(config, etag: config.etag)
    }
    for overlap in [-1, SecondKey.overlapSecondsMax + 1] {
      await #expect {
        _ = try await switchKeys(staged, overlap: overlap)
      } throws: { error in
        guard case VaultError.invalid(.overlap, _) = error else { return false }
        return true
      }
    }
    await #expect {
      _ = try await stage(config, key: TestVault.key)
    } throws: { error in
      guard case VaultError.invalid(.apiKey, _) = error else { return false }
      return true
    }
    _ = try await vault.service.dropSecondKey(
      config.id.uuidString, for: owner, from: TestVault.origin)
    await #expect(throws: VaultError.noSecondKey) {
      try await vault.service.dropSecondKey(
        config.id.uuidString, for: owner, from: TestVault.origin)
    }
  }
}
