package import Logging
import NIOCore
import Networking
import Pacing
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
  /// How often the table is looked at although nothing was announced: another process may have
  /// died with rows of its own.
  static let pollInterval: Duration = .seconds(1)
  /// Between two deliveries, for what arrives meanwhile to share a batch: each one costs two
  /// services about what a use of a key costs. What comes after a pause is delivered at once.
  static let deliveryInterval: Duration = .milliseconds(50)
  static let deliveryTimeout: Duration = .seconds(5)
  /// Waits while the log can't be reached.
  static let backoff = Backoff.doubling(from: .milliseconds(200), to: .seconds(30))

  private let outbox: PostgresOutbox
  private let postgres: PostgresClient
  private let audit: any RPCChannel
  private let logger: Logger
  private let metrics = OutboxMetrics()

  /// - Parameters:
  ///   - outbox: whose announcements wake this relay; it takes one relay only.
  ///   - audit: a channel to the audit service.
  package init(
    outbox: PostgresOutbox, postgres: PostgresClient, audit: any RPCChannel, logger: Logger
  ) {
    self.outbox = outbox
    self.postgres = postgres
    self.audit = audit
    self.logger = logger
  }

  /// Delivers until told to stop; what is left then waits for the next start.
  package func run() async throws {
    // On an event loop, where the answers of the database and of the log arrive.
    await withTaskExecutorPreference(postgres.eventLoopGroup.next().taskExecutor) {
      await deliverUntilToldToStop()
    }
  }

  private func deliverUntilToldToStop() async {
    let arrivals = outbox.arrivals
    try? await cancelWhenGracefulShutdown {
      try await withThrowingDiscardingTaskGroup { group in
        group.addTask {
          while true {
            arrivals.announce()
            try await Task.sleep(for: Self.pollInterval)
          }
        }
        group.addTask {
          while true {
            // A database that is gone shows elsewhere.
            try? await metrics.measure(postgres)
            try await Task.sleep(for: OutboxMetrics.interval)
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
      do {
        try await deliverAll()
        metrics.deliverySucceeded()
        if failures > 0 { logger.notice("receipts are delivered again") }
        failures = 0
        try await Task.sleep(for: Self.deliveryInterval)
      } catch is CancellationError {
        return
      } catch {
        failures += 1
        metrics.deliveryFailed()
        let level: Logger.Level = failures == 1 ? .warning : .debug
        logger.log(
          level: level, "receipts wait: they could not be delivered",
          metadata: ["error": "\(error)", "attempt": "\(failures)"])
        try await Task.sleep(for: Self.backoff.wait(afterFailures: failures))
      }
    }
  }

  /// Delivers what is there, batch after batch.
  package func deliverAll() async throws {
    while try await deliverBatch() == OutboxBatch.rowsMax {}
  }

  /// Delivers one batch; returns how many rows it looked at.
  private func deliverBatch() async throws -> Int {
    try await postgres.transaction { transaction in
      var batch = try await OutboxBatch(in: transaction)
      guard !batch.rows.isEmpty else { return 0 }
      await batch.deliver(send)
      if batch.isHeldUp, let error = batch.lastError { throw error }
      try await batch.settle(in: transaction, logger: logger)
      return batch.rows.count
    }
  }

  private func send(_ events: [[UInt8]]) async throws(RPCError) {
    let _: AuditAPI.AppendEventsResponse = try await audit.unary(
      AuditAPI.AuditMethods.appendEvents, AuditAPI.AppendPackedEventsRequest(events: events),
      options: CallOptions(timeout: Self.deliveryTimeout))
  }
}
