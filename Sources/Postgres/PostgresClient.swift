package import Logging
package import NIOCore

/// A PostgreSQL client: a few pipelined connections that many callers share.
///
/// Connects when first asked to, reconnects by itself, and never keeps a caller past its deadline,
/// even when the server is frozen.
package final class PostgresClient: Sendable {
  package let configuration: PostgresConfiguration

  /// - Parameter eventLoopGroup: the loops that the connections are spread over; it must outlive
  ///   this client.
  package init(
    _ configuration: PostgresConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger
  ) {
    self.configuration = configuration
  }

  /// Returns after `beginGracefulShutdown`, when everything under way has ended, or at once when
  /// the task is cancelled. Queries work before it too.
  package func run() async throws {}

  /// Refuses new work, lets what is under way end within its deadlines, then closes.
  package func beginGracefulShutdown() {}

  /// Closes every connection now; what is under way fails with `.shuttingDown`.
  package func close() async {}

  /// Asks the server for an answer, for readiness checks.
  package func ping(timeout: Duration = .seconds(2)) async throws(PostgresError) {
    _ = try await result(of: "SELECT 1", timeout: timeout)
  }

  /// Runs `body` in a transaction on a connection of its own; COMMIT after it returns, ROLLBACK when
  /// it throws or its task is cancelled.
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
  package func transaction<Value: Sendable>(
    timeout: Duration? = nil, isolation: PostgresIsolation = .readCommitted, attemptsMax: Int = 1,
    _ body: (PostgresTransaction) async throws -> Value
  ) async throws -> Value {
    throw PostgresError.shuttingDown
  }
}

extension PostgresClient: PostgresQuerying {
  package func result(
    of query: PostgresQuery, timeout: Duration?
  ) async throws(PostgresError) -> PostgresResult {
    throw .shuttingDown
  }
}
