import FoundationEssentials
import NIOCore
import Networking
import Outbox
import Postgres
import RPCTransport
import Receipts
import Synchronization
import Vault

/// Commits the receipts of concurrent calls together: one INSERT and one disk flush for many.
///
/// While one batch is being committed the next one gathers, so a lone call waits for nobody and
/// many calls share. A call returns when its own receipt is durable. One that is cancelled or has
/// waited too long leaves with an error, and without a receipt unless its batch is under way.
final class ReceiptBatcher: Sendable {
  /// Calls that may wait; one more is refused.
  static let waitingMax = 4_096
  /// Receipts of one transaction.
  static let batchReceiptsMax = 256
  /// How long a call may wait for its batch to begin.
  static let waitTimeout: Duration = .seconds(5)
  /// How long a batch may take to be committed.
  static let commitTimeout: Duration = .seconds(5)

  /// A receipt that waits, and its call.
  private final class Entry: Sendable {
    let receipt: Receipt
    let use: ConfigUse?
    /// When it leaves the queue.
    let deadline: NIODeadline
    let committed = Promise<Void, VaultError>(cancelled: .cancelled)

    init(_ receipt: Receipt, _ use: ConfigUse?, deadline: NIODeadline) {
      self.receipt = receipt
      self.use = use
      self.deadline = deadline
    }
  }

  private struct State {
    /// In order of their deadlines.
    var waiting: [Entry] = []
    var isCommitting = false
    var isSweepScheduled = false
  }

  private let postgres: PostgresClient
  private let outbox: PostgresOutbox
  private let waitTimeout: Duration
  private let state = Mutex(State())

  init(
    postgres: PostgresClient, outbox: PostgresOutbox,
    waitTimeout: Duration = ReceiptBatcher.waitTimeout
  ) {
    self.postgres = postgres
    self.outbox = outbox
    self.waitTimeout = waitTimeout
  }

  /// Returns when the receipt is committed. Throws `.overloaded`, `.cancelled`, and what a failing
  /// database means.
  func record(_ receipt: Receipt, use: ConfigUse?) async throws(VaultError) {
    let entry = Entry(receipt, use, deadline: .now() + TimeAmount(waitTimeout))
    try await entry.committed.value(
      start: { admit(entry) }, onCancel: { self.removeFinished() })
  }

  // MARK: The queue

  /// Calls whose batch has not begun.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  private func admit(_ entry: Entry) {
    enum Admission { case refused, queued, mustCommit }
    let admission = state.withLock { state -> Admission in
      guard state.waiting.count < Self.waitingMax else { return .refused }
      state.waiting.append(entry)
      guard !state.isCommitting else { return .queued }
      state.isCommitting = true
      return .mustCommit
    }
    switch admission {
    case .refused: entry.committed.finish(.failure(.overloaded))
    case .queued: scheduleSweep()
    // A task of its own, because a batch must not end with the call that happened to start it; on
    // that call's event loop, where the database's answer arrives too.
    case .mustCommit:
      Task(executorPreference: postgres.eventLoopGroup.any().taskExecutor) {
        await self.commitAll()
      }
    }
  }

  private func removeFinished() {
    state.withLock { state in state.waiting.removeAll { $0.committed.isFinished } }
  }

  private func scheduleSweep() {
    let deadline = state.withLock { state -> NIODeadline? in
      guard !state.isSweepScheduled, let first = state.waiting.first else { return nil }
      state.isSweepScheduled = true
      return first.deadline
    }
    guard let deadline else { return }
    postgres.eventLoopGroup.any().scheduleTask(deadline: deadline) { self.sweep() }
  }

  /// Sends away whoever has waited long enough.
  private func sweep() {
    let expired = state.withLock { state in
      state.isSweepScheduled = false
      let now = NIODeadline.now()
      let expired = state.waiting.prefix { $0.deadline <= now }
      state.waiting.removeFirst(expired.count)
      return expired
    }
    for entry in expired {
      entry.committed.finish(
        .failure(.storageUnavailable(detail: "the receipt waited \(waitTimeout) for its batch")))
    }
    scheduleSweep()
  }

  // MARK: Committing

  private func commitAll() async {
    while let batch = nextBatch() {
      let result = await commit(batch)
      for entry in batch { entry.committed.finish(result) }
    }
  }

  private func nextBatch() -> [Entry]? {
    state.withLock { state in
      state.waiting.removeAll { $0.committed.isFinished }
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
        try await postgres.transaction(timeout: Self.commitTimeout) { transaction in
          try await outbox.insert(receipts, in: transaction)
          try await Self.note(configIDs, usedAt: latest, in: transaction)
        }
      } else {
        try await outbox.insert(receipts, in: postgres, timeout: Self.commitTimeout)
      }
      return .success(())
    } catch let error as PostgresError {
      return .failure(VaultError(error))
    } catch {
      return .failure(.storage(detail: "\(error)"))
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
