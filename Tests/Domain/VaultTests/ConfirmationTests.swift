import FoundationEssentials
import Identity
import Receipts
import Testing
import UseCases

@testable import Vault

/// What somebody could do who finds the portal open on another's desk.
@Suite struct ConfirmationTests {
  private let owner = TestVault.caller()

  /// The owner, who entered their password so many seconds ago by the vault's clock.
  private func session(confirmed date: Date?) -> Caller {
    Caller(
      userID: owner.userID, email: owner.email, credential: .session(UUID()), confirmTime: date)
  }

  @Test func aKeyIsReplacedOnlyByWhoHasJustProvedWhoTheyAre() async throws {
    let vault = try TestVault()
    let config = try await vault.create(for: owner)
    for stale in [session(confirmed: nil), session(confirmed: .distantPast)] {
      await #expect(throws: VaultError.denied(.confirmationNeeded)) {
        try await vault.update(config, key: "sk-another-0123456789", for: stale)
      }
      // Everything else about it needs no more than the session.
      _ = try await vault.update(config, label: "den", for: stale)
      _ = try await vault.update(config, label: "default", for: stale)
    }
    let refused = vault.store.receipts.filter { $0.outcome == .denied }
    #expect(refused.count == 2)
    #expect(refused.allSatisfy { $0.action == .providerConfigUpdate })
    _ = try await vault.update(config, key: "sk-another-0123456789", for: owner)
  }

  @Test func anImportThatReplacesAKeyNeedsTheSame() async throws {
    let vault = try TestVault()
    _ = try await vault.create(for: owner)
    let new = NewConfig(
      provider: "openai", label: "", apiKey: "sk-another-0123456789", baseURL: nil)
    let stale = session(confirmed: nil)
    await #expect(throws: VaultError.denied(.confirmationNeeded)) {
      try await vault.service.importConfig(
        new, validateOnly: false, replace: true, for: stale, from: TestVault.origin)
    }
    let replaced = try await vault.service.importConfig(
      new, validateOnly: false, replace: true, for: owner, from: TestVault.origin)
    #expect(replaced.outcome == .imported)
  }

  /// Whichever way a key takes the place of another.
  @Test func soDoAKeyPutBesideItASwitchAndAKeyFromBefore() async throws {
    let vault = try TestVault()
    let config = try await vault.create(for: owner)
    let (service, id) = (vault.service, config.id.text)
    let stale = session(confirmed: nil)
    let confirmationNeeded = VaultError.denied(.confirmationNeeded)
    await #expect(throws: confirmationNeeded) {
      try await service.stage(
        id, key: "sk-another-0123456789", storeAnyway: false, for: stale, from: TestVault.origin)
    }
    _ = try await service.stage(
      id, key: "sk-another-0123456789", storeAnyway: false, for: owner, from: TestVault.origin)
    await #expect(throws: confirmationNeeded) {
      try await service.switchKeys(id, overlapSeconds: 0, for: stale, from: TestVault.origin)
    }
    _ = try await service.switchKeys(id, overlapSeconds: 0, for: owner, from: TestVault.origin)
    _ = try await vault.update(config, key: "sk-a-third-0123456789", for: owner)
    let former = try #require(
      try await service.formerKeys(of: id, for: owner, from: TestVault.origin).first)
    await #expect(throws: confirmationNeeded) {
      try await service.restore(
        id, version: former.id.text, for: stale, from: TestVault.origin)
    }
    _ = try await service.restore(
      id, version: former.id.text, for: owner, from: TestVault.origin)
  }

  /// A program can't enter a password; it is held to its scopes.
  @Test func anAccessTokenReplacesAKeyByItsScope() async throws {
    let vault = try TestVault()
    let config = try await vault.create(for: owner)
    let program = Caller(
      userID: owner.userID, email: owner.email, credential: .accessToken(UUID()),
      scopes: Scopes([.manage]))
    _ = try await vault.update(config, key: "sk-another-0123456789", for: program)
  }
}
