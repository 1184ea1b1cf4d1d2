import Cryptography
import FoundationEssentials
import Identity
import Receipts
import Testing
import UseCases
import Vault

/// Keys that aren't used: in quarantine, or past their day; and what their owners are told.
@Suite struct QuarantineTests {
  private let vault: TestVault
  private let owner = TestVault.caller()

  init() throws { vault = try TestVault() }

  private func end(
    _ resolve: Receipt, _ status: Int, _ failure: UseEnd.Failure? = nil, _ state: KeyState? = nil
  ) async throws {
    let end = UseEnd(
      of: resolve, status: status, failure: failure, firstByteMilliseconds: nil, milliseconds: 5,
      requestBytes: 0, responseBytes: 0, keyState: state)
    try await vault.service.recordUses([try #require(end)], by: "gateway")
  }

  private func use(_ statuses: Int...) async throws {
    for status in statuses { try await end(try await vault.resolve(for: owner).receipt, status) }
  }

  private func shown(_ config: ProviderConfig) async throws -> ProviderConfig {
    try await vault.service.get(config.id.uuidString, for: owner, from: TestVault.origin)
  }

  private func notes(_ config: ProviderConfig, _ notes: NotesPatch) async throws -> ProviderConfig {
    try await vault.service.update(
      config.id.uuidString,
      ConfigPatch(label: nil, apiKey: nil, baseURL: nil, enabled: nil, notes: notes), for: owner,
      from: TestVault.origin)
  }

  private func refuse(_ config: ProviderConfig) async throws {
    for _ in 0..<VaultService.refusalsMaxDefault { try await use(401) }
  }

  @Test func aKeyThatIsRefusedManyTimesInARowIsNotUsedUntilItsOwnerSaysSo() async throws {
    let config = try await vault.create(for: owner)
    for _ in 1..<VaultService.refusalsMaxDefault { try await use(401) }
    #expect(try await shown(config).quarantineTime == nil)
    try await use(403)
    let refused = try await shown(config)
    #expect(refused.quarantineTime != nil)
    #expect(refused.etag == config.etag)
    await #expect(throws: VaultError.quarantined(provider: "openai", label: .default)) {
      try await vault.resolve(for: owner)
    }
    let receipt = try #require(
      vault.store.receipts.first { $0.action == .providerConfigQuarantine })
    #expect(receipt.accountID == owner.userID)
    #expect(receipt.details["refusals"] == .number(VaultService.refusalsMaxDefault))
    let notice = try #require(vault.store.notices.first)
    #expect(notice.kind == .quarantined)
    #expect(notice.name == "OpenAI, default")
    #expect(notice.userID == owner.userID)

    let back = try await vault.setEnabled(config, to: true, for: owner)
    #expect(back.quarantineTime == nil)
    #expect(try await vault.resolve(for: owner).key.revealed == TestVault.key)
    // The count begins anew.
    try await use(401)
    #expect(try await shown(config).quarantineTime == nil)
  }

  @Test func aUseThatTheProviderTakesEndsTheCount() async throws {
    let config = try await vault.create(for: owner)
    for _ in 1..<VaultService.refusalsMaxDefault { try await use(401) }
    try await use(200, 401, 429, 401)
    #expect(try await shown(config).health?.consecutiveRefusals == 1)
    #expect(try await shown(config).quarantineTime == nil)
  }

  @Test func aNewKeyIsNotInQuarantineAndNotBlamedForTheOldOne() async throws {
    let config = try await vault.create(for: owner)
    let late = try await vault.resolve(for: owner).receipt
    try await refuse(config)
    let replaced = try await vault.update(
      config, key: "sk-proj-a-new-one-0123456789abc", for: owner)
    #expect(replaced.quarantineTime == nil)
    try await end(late, 401)
    #expect(try await shown(config).health == nil)
  }

  @Test func healthTellsTheLastGoodUseAndTheLastFailureApart() async throws {
    let config = try await vault.create(for: owner)
    try await use(200)
    let good = try await shown(config).health?.lastGoodTime
    vault.advance(seconds: 3_600)
    try await use(402, 500)
    let resolve = try await vault.resolve(for: owner).receipt
    try await end(resolve, 0, .unreachable)
    var health = try #require(try await shown(config).health)
    #expect(health.lastGoodTime == good)
    #expect(health.lastFailure == .unreachable)
    #expect(health.lastStatus == 500)
    #expect(health.consecutiveFailures == 3)
    #expect(health.consecutiveRefusals == 0)
    // What the body told, where the status doesn't.
    try await end(try await vault.resolve(for: owner).receipt, 429, nil, .noCredit)
    health = try #require(try await shown(config).health)
    #expect(health.lastFailure == .noCredit)
    try await use(200)
    health = try #require(try await shown(config).health)
    #expect(health.consecutiveFailures == 0)
    #expect(health.lastFailure == .noCredit)
  }

  @Test func aClientThatLeavesSaysNothingOfTheKey() async throws {
    let config = try await vault.create(for: owner)
    try await end(try await vault.resolve(for: owner).receipt, 0, .clientLeft)
    #expect(try await shown(config).health == nil)
  }

  @Test func aKeyIsNotUsedFromItsDayOnEvenWhereItWasKnown() async throws {
    let config = try await vault.create(for: owner)
    let day = config.createTime.addingTimeInterval(86_400)
    _ = try await notes(config, NotesPatch(expireTime: day))
    #expect(try await vault.resolve(for: owner).key.revealed == TestVault.key)
    vault.advance(seconds: 86_401)
    await #expect(throws: VaultError.expired(provider: "openai", label: .default)) {
      try await vault.resolve(for: owner)
    }
    _ = try await notes(config, NotesPatch(cleared: ["expireTime"]))
    #expect(try await vault.resolve(for: owner).key.revealed == TestVault.key)
  }

  @Test func anOwnerIsToldOnceOfEachDate() async throws {
    let config = try await vault.create(for: owner)
    let remind = config.createTime.addingTimeInterval(3_600)
    _ = try await notes(
      config, NotesPatch(expireTime: remind.addingTimeInterval(3_600), remindTime: remind))
    _ = try await vault.service.sweep()
    #expect(vault.store.notices.isEmpty)
    vault.advance(seconds: 3_601)
    _ = try await vault.service.sweep()
    _ = try await vault.service.sweep()
    #expect(vault.store.notices.map(\.kind) == [.reminder])
    vault.advance(seconds: 3_601)
    _ = try await vault.service.sweep()
    #expect(vault.store.notices.map(\.kind) == [.reminder, .expired])
    let taken = try await vault.service.takeNotices(by: "gateway")
    try await vault.service.deleteNotices(taken.map(\.id.uuidString), by: "gateway")
    #expect(vault.store.notices.isEmpty)
    await #expect(throws: VaultError.denied(.wrongCredential)) {
      try await vault.service.takeNotices(by: "audit")
    }
  }

  @Test(arguments: [
    (NotesPatch(note: String(repeating: "n", count: 2_001)), VaultError.Field.note),
    (NotesPatch(note: "a\u{7}"), .note), (NotesPatch(tags: ["Capital"]), .tags),
    (NotesPatch(tags: [""]), .tags), (NotesPatch(tags: (0...10).map { "t\($0)" }), .tags),
    (NotesPatch(tags: [String(repeating: "t", count: 33)]), .tags),
    (NotesPatch(expireTime: Date(timeIntervalSince1970: 0)), .expireTime),
    (NotesPatch(remindTime: Date(timeIntervalSince1970: 0)), .remindTime),
    (NotesPatch(cleared: ["label"]), .clear),
  ])
  func notesBeyondTheirLimitsNameTheirField(
    patch: NotesPatch, field: VaultError.Field
  ) async throws {
    let config = try await vault.create(for: owner)
    await #expect {
      _ = try await notes(config, patch)
    } throws: { error in
      guard case VaultError.invalid(field, _) = error else { return false }
      return true
    }
    #expect(try await shown(config) == config)
  }
}
