import Cryptography
import FoundationEssentials
import Identity
import Metering
import Receipts
import Testing
import UseCases
import Vault

/// What is kept of how uses ended.
@Suite struct UseEndTests {
  private let vault: TestVault
  private let owner = TestVault.caller()

  init() throws { vault = try TestVault() }

  private func end(
    of resolve: Receipt, status: Int = 200, _ failure: UseEnd.Failure? = nil,
    milliseconds: Int = 412, modelUse: ModelUse? = nil
  ) -> UseEnd? {
    UseEnd(
      of: resolve, status: status, failure: failure,
      firstByteMilliseconds: status == 0 ? nil : 300, milliseconds: milliseconds,
      requestBytes: 17, responseBytes: 1_234,
      modelUse: modelUse)
  }

  private func record(_ ends: [UseEnd?], by service: String = "gateway") async throws {
    try await vault.service.recordUses(ends.compactMap(\.self), by: service)
  }

  private func health(_ config: ProviderConfig) async throws -> KeyHealth? {
    try await vault.service.get(config.id.uuidString, for: owner, from: TestVault.origin).health
  }

  @Test func anEndSaysWhatTheResolveSaidAndWhatCameOfIt() async throws {
    _ = try await vault.create(for: owner)
    let resolve = try await vault.resolve(for: owner).receipt
    vault.advance(seconds: 60)
    try await record([end(of: resolve)])
    let receipt = try #require(vault.store.receipts.last)
    #expect(receipt.action == .credentialUse)
    #expect(receipt.outcome == .success)
    #expect(receipt.actor == resolve.actor)
    #expect(receipt.target == resolve.target)
    #expect(receipt.origin == resolve.origin)
    #expect(receipt.accountID == owner.userID)
    // When the use ended, not when it was told.
    #expect(abs(receipt.time.timeIntervalSince(resolve.time) - 0.412) < 0.000_1)
    #expect(receipt.details["resolve"] == .text(resolve.id.uuidString.lowercased()))
    #expect(receipt.details["purpose"] == .text("POST /v1/models"))
    #expect(receipt.details["credentialId"] == resolve.details["credentialId"])
    #expect(receipt.details["status"] == .number(200))
    #expect(receipt.details["milliseconds"] == .number(412))
    #expect(receipt.details["firstByteMilliseconds"] == .number(300))
    #expect(receipt.details["requestBytes"] == .number(17))
    #expect(receipt.details["responseBytes"] == .number(1_234))
    #expect(receipt.details["reason"] == nil)
  }

  @Test func anEndSaysWhatTheModelTook() async throws {
    _ = try await vault.create(for: owner)
    let resolve = try await vault.resolve(for: owner).receipt
    let use = ModelUse(
      model: "gpt-4.1", operation: .chat,
      tokens: TokenCounts(input: 1_203, output: 88, cached: 1_000), nanodollars: 412_000)
    try await record([end(of: resolve, modelUse: use)])
    let details = try #require(vault.store.receipts.last).details
    #expect(details["model"] == .text("gpt-4.1"))
    #expect(details["operation"] == .text("chat"))
    #expect(details["inputTokens"] == .number(1_203))
    #expect(details["outputTokens"] == .number(88))
    #expect(details["cachedTokens"] == .number(1_000))
    #expect(details["costNanodollars"] == .number(412_000))
    try await record([
      end(
        of: resolve, modelUse: ModelUse(model: "", operation: .other, tokens: nil, nanodollars: nil)
      )
    ])
    let unknown = try #require(vault.store.receipts.last).details
    #expect(unknown["operation"] == .text("other"))
    for name in ["model", "inputTokens", "costNanodollars"] { #expect(unknown[name] == nil) }
  }

  @Test func figuresThatNoModelHasAreNotKept() {
    for tokens in [
      TokenCounts(input: -1, output: 0), TokenCounts(input: 0, output: .max),
      TokenCounts(input: 1, output: 0, cached: 2), TokenCounts(input: 1, output: 0, cached: -1),
    ] {
      #expect(ModelUse(model: "m", operation: .chat, tokens: tokens, nanodollars: nil) == nil)
    }
    for cost in [-1, ModelUse.nanodollarsMax + 1] {
      #expect(ModelUse(model: "m", operation: .chat, tokens: nil, nanodollars: cost) == nil)
    }
    for model in ["a b", "\u{0}", String(repeating: "m", count: ModelName.bytesMax + 1)] {
      #expect(ModelUse(model: model, operation: .chat, tokens: nil, nanodollars: nil) == nil)
    }
  }

  @Test func onlyAnAnswerBelow400ThatWentThroughIsASuccess() async throws {
    _ = try await vault.create(for: owner)
    let resolve = try await vault.resolve(for: owner).receipt
    let cases: [(Int, UseEnd.Failure?, Receipt.Outcome, String?)] = [
      (101, nil, .success, nil), (204, nil, .success, nil), (307, nil, .success, nil),
      (400, nil, .failure, "error-status"), (529, nil, .failure, "error-status"),
      (200, .clientLeft, .failure, "client-left"), (500, .brokenOff, .failure, "broken-off"),
      (0, .unreachable, .failure, "unreachable"),
    ]
    for (status, failure, outcome, reason) in cases {
      try await record([end(of: resolve, status: status, failure)])
      let receipt = try #require(vault.store.receipts.last)
      #expect(receipt.outcome == outcome, "\(status)")
      #expect(receipt.details["reason"] == reason.map { .text($0) }, "\(status)")
    }
  }

  @Test func aUseHasOneEndHoweverOftenItIsTold() async throws {
    _ = try await vault.create(for: owner)
    let first = try await vault.resolve(for: owner).receipt
    let second = try await vault.resolve(for: owner).receipt
    try await record([end(of: first), end(of: first, status: 500), end(of: second)])
    let ids = vault.store.receipts.filter { $0.action == .credentialUse }.map(\.id)
    #expect(ids.count == 3)
    #expect(ids[0] == ids[1])
    #expect(Set(ids + [first.id, second.id]).count == 4)
  }

  @Test func figuresThatNoUseHasAreNoEnd() async throws {
    let config = try await vault.create(for: owner)
    let resolve = try await vault.resolve(for: owner).receipt
    for status in [-1, 1, 100, 102, 199, 1_000] {
      #expect(end(of: resolve, status: status) == nil, "\(status)")
    }
    #expect(end(of: resolve, status: 0) == nil)
    #expect(end(of: resolve, milliseconds: -1) == nil)
    #expect(end(of: resolve, milliseconds: UseEnd.millisecondsMax + 1) == nil)
    _ = try await vault.setEnabled(config, to: false, for: owner)
    let other = try #require(vault.store.receipts.last)
    #expect(end(of: other) == nil)
    _ = try? await vault.resolve(for: owner)
    let failed = try #require(vault.store.receipts.last)
    #expect(failed.action == .credentialResolve)
    #expect(end(of: failed) == nil)
  }

  @Test func anEndIsNeverInTheFuture() async throws {
    _ = try await vault.create(for: owner)
    let resolve = try await vault.resolve(for: owner).receipt
    try await record([end(of: resolve, milliseconds: 3_600_000)])
    #expect(vault.store.receipts.last?.time == resolve.time)
  }

  @Test func onlyTheGatewayTellsOfUses() async throws {
    _ = try await vault.create(for: owner)
    let resolve = try await vault.resolve(for: owner).receipt
    for service in ["audit", "auth", "vault", ""] {
      await #expect(throws: VaultError.denied(.wrongCredential)) {
        try await record([end(of: resolve)], by: service)
      }
      #expect(vault.store.receipts.last?.outcome == .denied)
    }
    let many = [UseEnd?](repeating: end(of: resolve), count: VaultService.usesPerBatchMax + 1)
    await #expect(throws: VaultError.self) { try await record(many) }
  }

  @Test func refusalsAreCountedUntilTheProviderTakesTheKey() async throws {
    let config = try await vault.create(for: owner)
    #expect(try await health(config) == nil)
    func hear(_ statuses: Int...) async throws -> KeyHealth? {
      let resolve = try await vault.resolve(for: owner).receipt
      try await record(statuses.map { end(of: resolve, status: $0, $0 == 0 ? .timedOut : nil) })
      return try await health(config)
    }
    #expect(try await hear(0)?.lastStatus == 0)
    #expect(try await hear(401, 403)?.consecutiveRefusals == 2)
    // Says nothing of the key.
    #expect(try await hear(500, 404, 0)?.consecutiveRefusals == 2)
    #expect(try await health(config)?.lastStatus == 404)
    #expect(try await hear(401)?.consecutiveRefusals == 3)
    #expect(try await hear(429)?.consecutiveRefusals == 0)
    #expect(try await hear(200, 401)?.consecutiveRefusals == 1)
    let replaced = try await vault.update(config, key: "sk-another-0123456789", for: owner)
    #expect(replaced.health == nil)
    #expect(try await health(config) == nil)
  }

  @Test func aTicketIsGoodWhereItsMasterKeyIs() throws {
    let (old, new) = (try MasterKey.generate(), try MasterKey.generate())
    let ticket = Keyring(current: old).ticketSigner.sign([1, 2, 3])
    #expect(Keyring(current: old).ticketSigner.content(of: ticket) == [1, 2, 3])
    #expect(
      Keyring(current: new, previous: [old]).ticketSigner.content(of: ticket) == [1, 2, 3])
    #expect(Keyring(current: new).ticketSigner.content(of: ticket) == nil)
    let signer = Keyring(current: old).ticketSigner
    for index in ticket.indices {
      var changed = ticket
      changed[index] ^= 1
      #expect(signer.content(of: changed) == nil)
    }
    #expect(signer.content(of: Array(ticket.prefix(32))) == nil)
    #expect(signer.content(of: []) == nil)
  }
}
