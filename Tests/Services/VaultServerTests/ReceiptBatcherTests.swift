import Cryptography
import FoundationEssentials
import Identity
import Outbox
import Postgres
import Protobuf
import Receipts
import ServiceAPI
import Testing
import Vault

@testable import VaultServer

@Suite struct ReceiptBatcherTests {
  @Test func usesAtTheSameTimeShareCommitsAndEachHasItsReceipt() async throws {
    try await VaultDatabase.with { database in
      let keyring = Keyring(current: try MasterKey.generate())
      _ = try await KeyRegister(postgres: database.postgres).check(keyring)
      let vault = VaultService(store: database.store, keyring: keyring)
      let owner = PostgresVaultStoreTests.caller()
      _ = try await vault.create(
        NewConfig(
          provider: "openai", label: "", apiKey: PostgresVaultStoreTests.key, baseURL: nil),
        for: owner, from: PostgresVaultStoreTests.origin)

      let uses = 400
      try await withThrowingTaskGroup { group in
        for number in 0..<uses {
          group.addTask {
            let credential = try await vault.resolve(
              provider: "openai", label: "", purpose: "use \(number)", for: owner,
              from: PostgresVaultStoreTests.origin)
            #expect(credential.key.count == PostgresVaultStoreTests.key.utf8.count)
          }
        }
        try await group.waitForAll()
      }
      let purposes = try await database.receipts().compactMap { $0.details?.fields["purpose"] }
      #expect(Set(purposes).count == uses)
      let commits = try await database.count(
        "SELECT count(DISTINCT xmin::text) FROM vault.outbox")
      #expect(commits < uses / 2)
    }
  }

  @Test func callersHearOfAFailedCommit() async throws {
    try await VaultDatabase.with { database in
      try await database.superuser.execute("REVOKE INSERT ON vault.outbox FROM vault")
      let owner = PostgresVaultStoreTests.caller()
      let vault = VaultService(
        store: database.store, keyring: Keyring(current: try MasterKey.generate()))
      await withTaskGroup { group in
        for _ in 0..<20 {
          group.addTask {
            let error = await #expect(throws: VaultError.self) {
              try await vault.resolve(
                provider: "openai", label: "", purpose: "", for: owner,
                from: PostgresVaultStoreTests.origin)
            }
            // Not even that there is no key is told without a receipt.
            guard case .storage = error else {
              Issue.record("\(String(describing: error))")
              return
            }
          }
        }
      }
    }
  }

  /// While the outbox is locked a batch is under way and the next one gathers; what `body` returns
  /// runs when the lock is free again.
  private func withLockedOutbox(
    waitTimeout: Duration,
    _ body: (ReceiptBatcher) async throws -> (@Sendable () async throws -> Void)?
  ) async throws -> [String] {
    try await VaultDatabase.with { database in
      let batcher = ReceiptBatcher(
        postgres: database.postgres, outbox: PostgresOutbox(), waitTimeout: waitTimeout)
      let (first, rest) = try await database.superuser.transaction { transaction in
        try await transaction.execute("LOCK TABLE vault.outbox IN ACCESS EXCLUSIVE MODE")
        let first = Task { try await batcher.record(Self.receipt("first"), use: nil) }
        // The batch is under way once its statement waits for the lock.
        while try await database.count("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0 {
          try await Task.sleep(for: .milliseconds(5))
        }
        return (first, try await body(batcher))
      }
      _ = try await first.value
      try await rest?()
      try await batcher.record(Self.receipt("last"), use: nil)
      return try await database.receipts().compactMap(\.target?.name)
    }
  }

  private static func receipt(
    _ name: String, of user: UserID = UserID(UUID())
  ) -> Receipt {
    Receipt(
      actor: .operator, action: .credentialResolve,
      target: Receipt.Target(type: "provider-config", id: "", name: name), outcome: .success,
      origin: PostgresVaultStoreTests.origin, accountID: user)
  }

  @Test func aCancelledCallLeavesAtOnceAndWithoutAReceipt() async throws {
    let committed = try await withLockedOutbox(waitTimeout: .seconds(60)) { batcher in
      let second = Task { try await batcher.record(Self.receipt("second"), use: nil) }
      while batcher.waitingCount == 0 { await Task.yield() }
      second.cancel()
      await #expect(throws: VaultError.cancelled) { try await second.value }
      #expect(batcher.waitingCount == 0)
      return nil
    }
    #expect(committed == ["first", "last"])
  }

  @Test func aCallThatWaitsTooLongForItsBatchIsToldSoAndLeavesNoReceipt() async throws {
    let committed = try await withLockedOutbox(waitTimeout: .milliseconds(200)) { batcher in
      let error = await #expect(throws: VaultError.self) {
        try await batcher.record(Self.receipt("second"), use: nil)
      }
      if case .storageUnavailable = error { return nil }
      Issue.record("\(String(describing: error))")
      return nil
    }
    #expect(committed == ["first", "last"])
  }

  @Test func aUserWhoTakesTooMuchIsRefusedAndAnotherIsServed() async throws {
    let greedy = UserID(UUID())
    let committed = try await withLockedOutbox(waitTimeout: .seconds(60)) { batcher in
      let flood = (0..<ReceiptQueue.waitingPerUserMax).map { _ in
        Task { try await batcher.record(Self.receipt("greedy", of: greedy), use: nil) }
      }
      while batcher.waitingCount < flood.count { await Task.yield() }
      await #expect(throws: VaultError.tooManyUses) {
        try await batcher.record(Self.receipt("too much", of: greedy), use: nil)
      }
      let other = Task { try await batcher.record(Self.receipt("other"), use: nil) }
      while batcher.waitingCount == flood.count { await Task.yield() }
      for task in flood.dropFirst(3) { task.cancel() }
      return { _ = try await other.value }
    }
    #expect(committed.count { $0 == "greedy" } == 3)
    #expect(committed.contains("other"))
    #expect(!committed.contains("too much"))
  }
}
