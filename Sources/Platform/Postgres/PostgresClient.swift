package import Logging
package import NIOCore

/// A PostgreSQL client: a few pipelined connections that many callers share.
///
/// Connects when first asked to, reconnects by itself, and never keeps a caller past its deadline,
/// even when the server is frozen. Needs `run` or `close` to end, before its event loops do.
package final class PostgresClient: Sendable {
  /// A retried transaction waits up to so long after its first attempt, twice as long after each
  /// further one.
  static let retryDelay: Duration = .milliseconds(10)

  package let configuration: PostgresConfiguration
  /// On whose loops the connections live.
  package let eventLoopGroup: any EventLoopGroup
  private let pool: PostgresPool
  private let observer: (any StatementObserver)?

  /// - Parameters:
  ///   - eventLoopGroup: the loops that the connections are spread over; it must outlive this
  ///     client.
  ///   - observer: hears of every statement.
  package init(
    _ configuration: PostgresConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger,
    observer: (any StatementObserver)? = nil
  ) {
    self.configuration = configuration
    self.observer = observer
    self.eventLoopGroup = eventLoopGroup
    pool = PostgresPool(configuration, group: eventLoopGroup, logger: logger)
  }

  /// Returns after `beginGracefulShutdown`, when everything under way has ended, or soon when the
  /// task is cancelled. Queries work before it too.
  package func run() async throws {
    await withTaskCancellationHandler {
      await pool.stopped()
    } onCancel: {
      pool.close()
    }
  }

  /// Refuses new work, lets what is under way end within its deadlines, then closes.
  package func beginGracefulShutdown() { pool.drain() }

  /// Closes every connection now; what is under way fails with `.shuttingDown`.
  package func close() async {
    pool.close()
    await pool.stopped()
  }

  /// What the client has and does at this moment.
  package var statistics: PostgresStatistics { pool.statistics }

  /// Asks the server for an answer, for readiness checks.
  package func ping(timeout: Duration = .seconds(2)) async throws(PostgresError) {
    _ = try await result(of: "SELECT 1", timeout: timeout)
  }

  /// Runs `body` in a transaction on a connection of its own: COMMIT after it returns, ROLLBACK
  /// when it throws or its task is cancelled.
  ///
  /// BEGIN travels with the first statement, so a transaction of n statements takes n + 1 round
  /// trips; one that runs none takes none.
  ///
  /// - Parameters:
  ///   - timeout: from this call to the end of COMMIT; nil means `transactionTimeout`.
  ///   - attemptsMax: how often `body` may run when the server reports a serialization failure or a
  ///     deadlock (40001, 40P01); `body` must then be repeatable.
  /// - Throws: what `body` throws, or `PostgresError`. After a `.connectionClosed` or `.timeout` of
  ///   COMMIT itself the outcome is unknown.
  @discardableResult
  package func transaction<Value: Sendable>(
    timeout: Duration? = nil, isolation: PostgresIsolation = .readCommitted, attemptsMax: Int = 1,
    _ body: (PostgresTransaction) async throws -> Value
  ) async throws -> Value {
    let timeout = timeout ?? configuration.transactionTimeout
    let deadline = NIODeadline.now() + TimeAmount(timeout)
    var attempt = 1
    while true {
      let transaction = PostgresTransaction(
        on: try await lease(deadline: deadline), isolation: isolation, deadline: deadline,
        queryTimeout: configuration.queryTimeout, observer: observer)
      do {
        let value = try await body(transaction)
        guard !Task.isCancelled else { throw PostgresError.cancelled }
        try await transaction.commit()
        transaction.committed()
        return value
      } catch {
        await transaction.rollback()
        guard transaction.sawSerializationFailure, attempt < attemptsMax, !Task.isCancelled else {
          throw error
        }
      }
      // Two that met once must not meet again at once.
      try await Task.sleep(for: Self.retryDelay * (1 << min(attempt, 6)) * Double.random(in: 0...1))
      attempt += 1
    }
  }

  private func lease(deadline: NIODeadline) async throws(PostgresError) -> PostgresConnection {
    let promise = Promise<PostgresConnection, PostgresError>(cancelled: .cancelled)
    return try await promise.value(
      start: { pool.lease(promise, deadline: deadline) },
      onCancel: { self.pool.removeFinishedWaiters() })
  }
}

extension PostgresClient: PostgresQuerying {
  package func result(
    of query: PostgresQuery, timeout: Duration?
  ) async throws(PostgresError) -> PostgresResult {
    try query.checkLimits()
    let operation = PostgresOperation(
      query, deadline: .now() + TimeAmount(timeout ?? configuration.queryTimeout),
      observer: observer)
    return try await operation.promise.value(
      start: { pool.submit(operation) }, onCancel: { self.pool.removeFinishedWaiters() })
  }
}

/// What a client and a transaction have in common: running queries.
package protocol PostgresQuerying: Sendable {
  /// Runs a statement and returns everything it answered.
  ///
  /// - Parameter timeout: nil means the configuration's `queryTimeout`; it covers waiting for a
  ///   connection too. In a transaction the transaction's own deadline holds as well.
  func result(
    of query: PostgresQuery, timeout: Duration?
  ) async throws(PostgresError) -> PostgresResult
}

extension PostgresQuerying {
  /// Runs a statement and returns its rows, which are decoded as they are read.
  package func rows(
    _ query: PostgresQuery, timeout: Duration? = nil
  ) async throws(PostgresError) -> [PostgresRow] {
    try await result(of: query, timeout: timeout).rows
  }

  /// Returns the first row, decoded, or nil when there is none; further rows are ignored.
  package func first<Value>(
    _ query: PostgresQuery, timeout: Duration? = nil,
    as decode: (PostgresRow) throws(PostgresError) -> Value
  ) async throws(PostgresError) -> Value? {
    let result = try await result(of: query, timeout: timeout)
    return result.count == 0 ? nil : try decode(result[0])
  }

  /// Returns every row, decoded.
  package func all<Value>(
    _ query: PostgresQuery, timeout: Duration? = nil,
    as decode: (PostgresRow) throws(PostgresError) -> Value
  ) async throws(PostgresError) -> [Value] {
    let result = try await result(of: query, timeout: timeout)
    var values: [Value] = []
    values.reserveCapacity(result.count)
    for index in 0..<result.count { values.append(try decode(result[index])) }
    return values
  }

  /// Runs a statement and returns how many rows it inserted, updated or deleted.
  @discardableResult
  package func execute(
    _ query: PostgresQuery, timeout: Duration? = nil
  ) async throws(PostgresError) -> Int {
    try await result(of: query, timeout: timeout).affectedRows
  }
}
