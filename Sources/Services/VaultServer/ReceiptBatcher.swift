import FoundationEssentials
import Outbox
import Postgres
import Receipts
import Synchronization
import Vault

/// Commits the receipts of concurrent calls together: one INSERT and one disk flush for many.
///
/// While one batch is being committed the next one gathers, so a lone call waits for nobody and
/// many calls share. A call returns when its own receipt is durable.
final class ReceiptBatcher: Sendable {
  /// Calls that may wait; one more is refused.
  static let waitingMax = 4_096
  /// Receipts of one transaction.
  static let batchReceiptsMax = 256

  private struct Entry: Sendable {
    let receipt: Receipt
    let use: ConfigUse?
    let caller: CheckedContinuation<Result<Void, VaultError>, Never>
  }

  private struct State {
    var waiting: [Entry] = []
    var isCommitting = false
  }

  private enum Admission {
    case refused
    case queued
    case mustCommit
  }

  private let postgres: PostgresClient
  private let outbox: PostgresOutbox
  private let state = Mutex(State())

  init(postgres: PostgresClient, outbox: PostgresOutbox) {
    self.postgres = postgres
    self.outbox = outbox
  }

  /// Returns when the receipt is committed. Throws `.overloaded` and what a failing
  /// database means.
  func record(_ receipt: Receipt, use: ConfigUse?) async throws(VaultError) {
    let result = await withCheckedContinuation { caller in
      switch admit(Entry(receipt: receipt, use: use, caller: caller)) {
      case .refused: caller.resume(returning: .failure(.overloaded))
      case .queued: break
      // A task of its own, because a batch must not end with the call that happened to start it.
      case .mustCommit: Task { await self.commitAll() }
      }
    }
    try result.get()
  }

  private func admit(_ entry: Entry) -> Admission {
    state.withLock { state in
      guard state.waiting.count < Self.waitingMax else { return .refused }
      state.waiting.append(entry)
      guard !state.isCommitting else { return .queued }
      state.isCommitting = true
      return .mustCommit
    }
  }

  private func commitAll() async {
    while let batch = nextBatch() {
      let result = await commit(batch)
      for entry in batch { entry.caller.resume(returning: result) }
    }
  }

  private func nextBatch() -> [Entry]? {
    state.withLock { state in
      guard !state.waiting.isEmpty else {
        state.isCommitting = false
        return nil
      }
      let batch = Array(state.waiting.prefix(Self.batchReceiptsMax))
      state.waiting.removeFirst(batch.count)
      return batch
    }
  }

  private func commit(_ batch: [Entry]) async -> Result<Void, VaultError> {
    let receipts = batch.map(\.receipt)
    let uses = batch.compactMap(\.use)
    do {
      if let latest = uses.map(\.time).max() {
        let configIDs = Array(Set(uses.map(\.configID)))
        try await postgres.transaction { transaction in
          try await outbox.insert(receipts, in: transaction)
          try await Self.note(configIDs, usedAt: latest, in: transaction)
        }
      } else {
        try await outbox.insert(receipts, in: postgres)
      }
      return .success(())
    } catch {
      return .failure((error as? PostgresError).map(VaultError.init) ?? .storage(detail: "\(error)"))
    }
  }

  /// A configuration that is being changed is skipped rather than waited for: its next use will be
  /// noted, and a batch must not depend on one user's row.
  private static func note(
    _ configIDs: [UUID], usedAt time: Date, in transaction: PostgresTransaction
  ) async throws(PostgresError) {
    try await transaction.execute(
      """
      WITH used AS (
        SELECT id FROM provider_configs
         WHERE id = ANY(\(configIDs)) AND (last_use_time IS NULL OR last_use_time < \(time))
           FOR UPDATE SKIP LOCKED
      )
      UPDATE provider_configs AS c SET last_use_time = \(time)
        FROM used WHERE c.id = used.id
      """)
  }
}
