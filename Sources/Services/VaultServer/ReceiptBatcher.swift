import FoundationEssentials
import Identity
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
///
/// The same statement checks the preconditions of its receipts, so that a use of a key that is
/// known already takes one round trip.
final class ReceiptBatcher: Sendable {
  /// How long a call may wait for its batch to begin.
  static let waitTimeout: Duration = .seconds(5)
  /// How long a batch may take to be committed.
  static let commitTimeout: Duration = .seconds(5)

  private struct State {
    var queue = ReceiptQueue()
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

  /// Returns when the receipt is committed; false, when its precondition doesn't hold, and then it
  /// isn't written. Throws `.overloaded`, `.tooManyUses`, `.cancelled`, and what a failing database
  /// means.
  @discardableResult
  func record(
    _ receipt: Receipt, use: ConfigUse?, if precondition: ConfigPrecondition? = nil
  ) async throws(VaultError) -> Bool {
    let waiting = WaitingReceipt(
      receipt, use, if: precondition, deadline: .now() + TimeAmount(waitTimeout))
    return try await waiting.outcome.value(
      start: { admit(waiting) }, onCancel: { self.removeFinished() })
  }

  // MARK: The queue

  /// Calls whose batch has not begun.
  var waitingCount: Int { state.withLock { $0.queue.count } }

  private func admit(_ receipt: WaitingReceipt) {
    enum Admission { case refused(VaultError), queued, mustCommit }
    let admission = state.withLock { state -> Admission in
      do throws(VaultError) {
        try state.queue.append(receipt)
      } catch {
        return .refused(error)
      }
      guard !state.isCommitting else { return .queued }
      state.isCommitting = true
      return .mustCommit
    }
    switch admission {
    case .refused(let error): receipt.outcome.finish(.failure(error))
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
    state.withLock { $0.queue.removeFinished() }
  }

  private func scheduleSweep() {
    let deadline = state.withLock { state -> NIODeadline? in
      guard !state.isSweepScheduled, let first = state.queue.firstDeadline else { return nil }
      state.isSweepScheduled = true
      return first
    }
    guard let deadline else { return }
    postgres.eventLoopGroup.any().scheduleTask(deadline: deadline) { self.sweep() }
  }

  /// Sends away whoever has waited long enough.
  private func sweep() {
    let expired = state.withLock { state in
      state.isSweepScheduled = false
      return state.queue.takeExpired(at: .now())
    }
    for receipt in expired {
      receipt.outcome.finish(
        .failure(.storageUnavailable(detail: "the receipt waited \(waitTimeout) for its batch")))
    }
    scheduleSweep()
  }

  // MARK: Committing

  private func commitAll() async {
    while let batch = nextBatch() {
      switch await commit(batch) {
      case .success(let written):
        for (receipt, isWritten) in zip(batch, written) {
          receipt.outcome.finish(.success(isWritten))
        }
      case .failure(let error):
        for receipt in batch { receipt.outcome.finish(.failure(error)) }
      }
    }
  }

  private func nextBatch() -> [WaitingReceipt]? {
    state.withLock { state in
      let batch = state.queue.takeBatch()
      if batch.isEmpty { state.isCommitting = false }
      return batch.isEmpty ? nil : batch
    }
  }

  /// Which receipts of the batch were written.
  private func commit(_ batch: [WaitingReceipt]) async -> Result<[Bool], VaultError> {
    let receipts = batch.map(\.receipt)
    let preconditions = batch.map(\.precondition)
    do {
      guard batch.contains(where: { $0.use != nil }) else {
        return .success(
          try await outbox.insert(
            receipts, if: preconditions, in: postgres, timeout: Self.commitTimeout))
      }
      return .success(
        try await postgres.transaction(timeout: Self.commitTimeout) { transaction in
          let written = try await outbox.insert(receipts, if: preconditions, in: transaction)
          try await Self.note(
            zip(batch, written).compactMap { $1 ? $0.use : nil }, in: transaction)
          return written
        })
    } catch let error as PostgresError {
      return .failure(VaultError(error))
    } catch {
      return .failure(.storage(detail: "\(error)"))
    }
  }

  /// A configuration that is being changed is skipped rather than waited for: its next use will be
  /// noted, and a batch must not depend on one user's row.
  private static func note(
    _ uses: [ConfigUse], in transaction: PostgresTransaction
  ) async throws(PostgresError) {
    guard let time = uses.map(\.time).max() else { return }
    let configIDs = Array(Set(uses.map(\.configID)))
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

extension PostgresOutbox {
  /// Writes the receipts that have no precondition or whose precondition holds, and says which.
  fileprivate func insert(
    _ receipts: [Receipt], if preconditions: [ConfigPrecondition?],
    in transaction: PostgresTransaction
  ) async throws(PostgresError) -> [Bool] {
    guard let standing = PostgresQuery(standing: preconditions) else {
      try await insert(receipts, in: transaction)
      return preconditions.map { _ in true }
    }
    let positions = try await insert(receipts, chosenBy: standing, in: transaction)
    return [Bool](positions, of: receipts.count)
  }

  fileprivate func insert(
    _ receipts: [Receipt], if preconditions: [ConfigPrecondition?], in postgres: PostgresClient,
    timeout: Duration
  ) async throws(PostgresError) -> [Bool] {
    guard let standing = PostgresQuery(standing: preconditions) else {
      try await insert(receipts, in: postgres, timeout: timeout)
      return preconditions.map { _ in true }
    }
    let positions = try await insert(
      receipts, chosenBy: standing, in: postgres, timeout: timeout)
    return [Bool](positions, of: receipts.count)
  }
}

extension [Bool] {
  /// True at each of the positions, which count from 1.
  fileprivate init(_ positions: [Int], of count: Int) {
    self.init(repeating: false, count: count)
    for position in positions where (1...count).contains(position) { self[position - 1] = true }
  }
}

extension PostgresQuery {
  /// Stands where no configuration is asked for.
  private static let nobody = UUID()

  /// Selects the positions, from 1, of those preconditions that hold or are nil; nil when there is
  /// none to check.
  fileprivate init?(standing preconditions: [ConfigPrecondition?]) {
    guard preconditions.contains(where: { $0 != nil }) else { return nil }
    self = """
      SELECT asked.position
        FROM unnest(
               \(preconditions.map { $0?.configID ?? Self.nobody }),
               \(preconditions.map { $0?.userID.uuid ?? Self.nobody }),
               \(preconditions.map { $0?.revision ?? "" }),
               \(preconditions.map { $0?.isPreferred ?? false })
             ) WITH ORDINALITY AS asked (config_id, user_id, revision, is_preferred, position)
        LEFT JOIN provider_configs AS c
          ON c.id = asked.config_id AND c.user_id = asked.user_id AND c.enabled
        LEFT JOIN data_keys AS k ON k.id = c.data_key_id AND k.user_id = c.user_id
       WHERE asked.revision = ''
          OR \(PostgresVaultStore.revision) = asked.revision
             AND CASE WHEN asked.is_preferred THEN c.id = (
                   SELECT p.id FROM provider_configs AS p
                    WHERE p.user_id = c.user_id AND p.provider = c.provider
                    ORDER BY \(PostgresVaultStore.preference) LIMIT 1
                 ) ELSE true END
      """
  }
}
