import Cryptography
import FoundationEssentials
import Identity
import Receipts
import Testing

@testable import Vault

/// What is held in memory saves a look at the database and decides nothing.
@Suite struct KnownConfigsTests {
  private let vault: TestVault
  private let owner = TestVault.caller()

  init() throws { vault = try TestVault() }

  @Test func aConfigurationIsReadForItsFirstUseOnly() async throws {
    _ = try await vault.create(for: owner)
    // The first use is noted in the row, which the next one finds changed.
    for _ in 0..<2 { _ = try await vault.resolve(for: owner) }
    let reads = vault.store.readCount
    for _ in 0..<10 {
      #expect(try await vault.resolve(for: owner).key.revealed == TestVault.key)
    }
    #expect(vault.store.readCount == reads)
    #expect(vault.store.receipts.count { $0.action == .credentialResolve } == 12)
  }

  @Test func theReceiptOfALaterUseSaysWhatThatOfTheFirstSays() async throws {
    _ = try await vault.create(
      "custom", label: "home", baseURL: "https://llm.example.org/v1", for: owner)
    for _ in 0..<4 { _ = try await vault.resolve("custom", label: "home", for: owner) }
    let receipts = vault.store.receipts.filter { $0.action == .credentialResolve }
    #expect(receipts.count == 4)
    #expect(Set(receipts.map(\.target)).count == 1)
    #expect(Set(receipts.map(\.details)).count == 1)
    #expect(Set(receipts.map(\.id)).count == 4)
  }

  @Test func withoutAReceiptAKnownKeyDoesNotLeave() async throws {
    _ = try await vault.create(for: owner)
    for _ in 0..<3 { _ = try await vault.resolve(for: owner) }
    vault.store.failReceipts(with: .storageUnavailable(detail: "down"))
    await #expect(throws: VaultError.storageUnavailable(detail: "down")) {
      try await vault.resolve(for: owner)
    }
  }

  @Test func theNumberKnownIsBoundedAndIdleOnesAreDropped() async throws {
    let known = KnownConfigs(configsMax: 8)
    let config = KnownConfig(try await stored(), baseURL: "https://llm.example.org/v1")
    for _ in 0..<100 {
      known.keep(config, for: question())
      #expect(known.count <= 8)
    }
    let last = question()
    known.keep(config, for: last)
    #expect(known.config(for: last)?.baseURL == "https://llm.example.org/v1")
    let later = ContinuousClock.now + KnownConfigs.lifetime
    known.dropIdle(at: later)
    known.dropIdle(at: later + KnownConfigs.lifetime)
    #expect(known.count == 0)
  }

  @Test func aUsersChangeEmptiesWhatIsHeldOfThatUserOnly() async throws {
    let known = KnownConfigs()
    let config = KnownConfig(try await stored(), baseURL: nil)
    let (own, other) = (question(of: owner.userID), question())
    known.keep(config, for: own)
    known.keep(config, for: other)
    known.forget(owner.userID)
    #expect(known.config(for: own) == nil)
    #expect(known.config(for: other) != nil)
  }

  @Test func forgettingARevisionKeepsTheNextOne() async throws {
    let known = KnownConfigs()
    var row = try await stored()
    let question = question()
    let outdated = row.revision
    row.revision = "the next one"
    known.keep(KnownConfig(row, baseURL: nil), for: question)
    known.forget(question, at: outdated)
    #expect(known.config(for: question) != nil)
    known.forget(question, at: "the next one")
    #expect(known.config(for: question) == nil)
  }

  @Test func whatTheStoreCouldNotRecogniseIsNotHeld() async throws {
    let known = KnownConfigs()
    var row = try await stored()
    row.revision = ""
    known.keep(KnownConfig(row, baseURL: nil), for: question())
    #expect(known.count == 0)
  }

  private func question(of userID: UserID = UserID(UUID())) -> ConfigQuestion {
    ConfigQuestion(userID: userID, provider: "openai", label: nil)
  }

  private func stored() async throws -> StoredConfig {
    _ = try await vault.create(for: owner)
    return try #require(vault.store.stored.first)
  }
}
