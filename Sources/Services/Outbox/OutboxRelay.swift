package import Logging
package import Postgres
package import RPC
import ServiceAPI
import ServiceLifecycle

/// Carries receipts from the outbox to the audit log: at least once, and the log keeps each once.
///
/// Any number of processes may run one on the same table. A row is deleted in the transaction that
/// locked it, after the log has acknowledged it; a process that dies in between leaves the row, and
/// the next delivery is a duplicate that the log knows by its id.
package struct OutboxRelay: Service {
  /// Rows that travel together: what `AppendEvents` takes.
  package static let batchRowsMax = 500
  /// How often the table is looked at although nothing was announced: another process may have
  /// died with rows of its own.
  static let pollInterval: Duration = .seconds(1)
  /// Between an announcement and the look: lets the transaction commit and others join the batch.
  static let gatherTime: Duration = .milliseconds(5)
  /// Events of one message together; half of what servers take by default.
  static let messageBytesMax = 2 << 20
  static let deliveryTimeout: Duration = .seconds(5)
  /// Waits while the log can't be reached; doubled each time, drawn between half and whole.
  static let backoffMin: Duration = .milliseconds(200)
  static let backoffMax: Duration = .seconds(30)
  /// How often a row may fail on its own before it is set aside.
  static let attemptsMax = 12

  private let outbox: PostgresOutbox
  private let postgres: PostgresClient
  let audit: AuditAPI.AuditClient
  let logger: Logger

  /// - Parameters:
  ///   - outbox: whose announcements wake this relay; it takes one relay only.
  ///   - audit: a channel to the audit service.
  package init(
    outbox: PostgresOutbox, postgres: PostgresClient, audit: any RPCChannel, logger: Logger
  ) {
    self.outbox = outbox
    self.postgres = postgres
    self.audit = AuditAPI.AuditClient(channel: audit)
    self.logger = logger
  }

  /// Delivers until told to stop; what is left then waits for the next start.
  package func run() async throws {
    let arrivals = outbox.arrivals
    try? await cancelWhenGracefulShutdown {
      try await withThrowingDiscardingTaskGroup { group in
        group.addTask {
          while true {
            arrivals.announce()
            try await Task.sleep(for: Self.pollInterval)
          }
        }
        try await deliverArrivals(arrivals.stream)
        // The stream ends when the task is cancelled, and so must the ticking.
        group.cancelAll()
      }
    }
  }

  private func deliverArrivals(_ stream: AsyncStream<Void>) async throws {
    var failures = 0
    for await _ in stream {
      try await Task.sleep(for: Self.gatherTime)
      do {
        try await deliverAll()
        if failures > 0 { logger.notice("receipts are delivered again") }
        failures = 0
      } catch is CancellationError {
        return
      } catch {
        failures += 1
        let level: Logger.Level = failures == 1 ? .warning : .debug
        logger.log(
          level: level, "receipts wait: they could not be delivered",
          metadata: ["error": "\(error)", "attempt": "\(failures)"])
        try await Task.sleep(for: Self.backoff(failures: failures))
      }
    }
  }

  /// Delivers what is there, batch after batch.
  package func deliverAll() async throws {
    while try await deliverBatch() == Self.batchRowsMax {}
  }

  /// Delivers one batch; returns how many rows it looked at.
  private func deliverBatch() async throws -> Int {
    try await postgres.transaction { transaction in
      let rows = try await transaction.all(
        """
        SELECT position, event
          FROM outbox
         WHERE retry_time <= now()
         ORDER BY position
         LIMIT \(Self.batchRowsMax)
           FOR UPDATE SKIP LOCKED
        """, as: OutboxRow.init(_:))
      guard !rows.isEmpty else { return 0 }
      let sorting = await sort(rows)
      // When the log took nothing at all, the fault is its own, whatever it says of single rows.
      if sorting.delivered.isEmpty, sorting.refused.isEmpty, let error = sorting.lastError {
        throw error
      }
      try await settle(sorting, in: transaction)
      return rows.count
    }
  }

  static func backoff(failures: Int) -> Duration {
    let whole = min(backoffMax, backoffMin * (1 << min(failures - 1, 10)))
    return whole * Double.random(in: 0.5...1)
  }
}
