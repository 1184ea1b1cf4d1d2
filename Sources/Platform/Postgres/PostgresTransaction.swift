import NIOCore
import Synchronization

/// A transaction under way, for the body of `PostgresClient.transaction` only.
///
/// Statements started side by side (`async let`) are pipelined. After one has failed the server
/// refuses the others with 25P02 and COMMIT becomes `.transactionAborted`.
///
/// `phase` and `held` belong to the connection's event loop.
package final class PostgresTransaction: PostgresQuerying, @unchecked Sendable {
  /// How long a ROLLBACK may take before the connection is cut instead.
  static let rollbackTimeout: TimeAmount = .seconds(5)

  private enum Phase {
    /// BEGIN is not sent: it travels with the first statement.
    case idle
    /// BEGIN is sent. What comes now is held back: should BEGIN fail, it would run and be committed
    /// statement by statement.
    case beginning
    case open
    /// COMMIT or ROLLBACK is sent or needless.
    case ended
    case failed(PostgresError)
  }

  let connection: PostgresConnection
  let deadline: NIODeadline
  private let isolation: PostgresIsolation
  private let queryTimeout: Duration
  private let observer: (any StatementObserver)?
  private var phase = Phase.idle
  private var held: [(PostgresQuery, PostgresConnection.Step, NIODeadline)] = []
  private let mayRetry = Mutex(false)
  private let afterCommit = Mutex<[@Sendable () -> Void]>([])

  init(
    on connection: PostgresConnection, isolation: PostgresIsolation, deadline: NIODeadline,
    queryTimeout: Duration, observer: (any StatementObserver)?
  ) {
    self.observer = observer
    self.connection = connection
    self.isolation = isolation
    self.deadline = deadline
    self.queryTimeout = queryTimeout
  }

  /// Whether the server reported a serialization failure or a deadlock.
  var sawSerializationFailure: Bool { mayRetry.withLock { $0 } }

  package func result(
    of query: PostgresQuery, timeout: Duration?
  ) async throws(PostgresError) -> PostgresResult {
    try query.checkLimits()
    let deadline = min(self.deadline, .now() + TimeAmount(timeout ?? queryTimeout))
    let operation = PostgresOperation(query, deadline: deadline, observer: observer)
    return try await operation.promise.value(
      start: { connection.onLoop { _ in self.send(operation) } }, onCancel: {})
  }

  /// Runs `body` once COMMIT has succeeded; never when the transaction is rolled back, or when
  /// nobody knows whether it was.
  package func afterCommit(_ body: @escaping @Sendable () -> Void) {
    afterCommit.withLock { $0.append(body) }
  }

  /// COMMIT has succeeded.
  func committed() {
    let bodies = afterCommit.withLock { bodies in
      defer { bodies = [] }
      return bodies
    }
    for body in bodies { body() }
  }

  /// Nothing to wait for when no statement was sent.
  func commit() async throws(PostgresError) {
    let operation = PostgresOperation("COMMIT", deadline: deadline, observer: observer)
    let result = await operation.promise.uncancellableResult {
      connection.onLoop { _ in self.end(operation) }
    }
    // The server answers COMMIT of a failed transaction with ROLLBACK, and no error.
    if try result.get().commandTag == "ROLLBACK" { throw .transactionAborted }
  }

  /// After this the connection is the pool's; a no-op after `commit`.
  ///
  /// A cancelled task does not wait: what it left running may take long.
  func rollback() async {
    let operation = PostgresOperation(
      "ROLLBACK", deadline: .now() + Self.rollbackTimeout, observer: observer)
    guard !Task.isCancelled else { return connection.onLoop { _ in self.end(operation) } }
    _ = await operation.promise.uncancellableResult {
      connection.onLoop { _ in self.end(operation) }
    }
  }

  // MARK: On the event loop

  /// Whether COMMIT or ROLLBACK, which has a deadline of its own, is on its way.
  var isEnding: Bool { if case .ended = phase { true } else { false } }

  private func send(_ operation: PostgresOperation) {
    let step = PostgresConnection.Step.statement(operation, self, isCached: true)
    if case .idle = phase { connection.pin(self) }
    switch phase {
    case .idle:
      phase = .beginning
      // One group: when BEGIN fails, the statement is skipped.
      connection.send(
        [(isolation.begin, .begin(self)), (operation.query, step)], deadline: operation.deadline)
    case .beginning: held.append((operation.query, step, operation.deadline))
    case .open: connection.send([(operation.query, step)], deadline: operation.deadline)
    case .ended: operation.promise.finish(.failure(.transactionEnded))
    case .failed(let error): operation.promise.finish(.failure(error))
    }
  }

  private func end(_ operation: PostgresOperation) {
    let step = PostgresConnection.Step.end(operation, self)
    if case .idle = phase { connection.pin(self) }
    switch phase {
    case .idle:
      phase = .ended
      connection.unpin(self)
      operation.promise.finish(.success(PostgresResult(owning: nil)))
    case .beginning:
      held.append((operation.query, step, operation.deadline))
    case .open:
      phase = .ended
      connection.send([(operation.query, step)], deadline: operation.deadline)
    case .ended: operation.promise.finish(.success(PostgresResult(owning: nil)))
    case .failed(let error):
      // The server has no transaction: BEGIN failed, or the connection is gone.
      phase = .ended
      connection.unpin(self)
      operation.promise.finish(.failure(error))
    }
  }

  /// The server's answer to BEGIN.
  func began(_ answer: Result<PostgresResult, PostgresError>) {
    guard case .beginning = phase else { return }
    let held = self.held
    self.held = []
    switch answer {
    case .success:
      phase = .open
      for (query, step, deadline) in held {
        if case .end = step { phase = .ended }
        connection.send([(query, step)], deadline: deadline)
      }
    case .failure(let error):
      phase = .failed(error)
      fail(held.map(\.1), error)
    }
  }

  func statementEnded(_ answer: Result<PostgresResult, PostgresError>) {
    guard case .failure(let error) = answer, error.isSerializationFailure else { return }
    mayRetry.withLock { $0 = true }
  }

  func connectionEnded(_ error: PostgresError) {
    // The first reason is the one to tell.
    if case .failed = phase { return }
    let held = self.held
    self.held = []
    phase = .failed(error)
    fail(held.map(\.1), error)
  }

  private func fail(_ steps: [PostgresConnection.Step], _ error: PostgresError) {
    for step in steps {
      switch step {
      case .statement(let operation, _, _): operation.promise.finish(.failure(error))
      case .end(let operation, _):
        connection.unpin(self)
        operation.promise.finish(.failure(error))
      case .prepare, .begin, .housekeeping, .sync: break
      }
    }
  }
}

/// How much of concurrent transactions one sees (PostgreSQL's chapter 13.2).
package enum PostgresIsolation: Sendable {
  case readCommitted
  case repeatableRead
  /// Expect 40001; give `transaction` an `attemptsMax` above 1.
  case serializable

  var begin: PostgresQuery {
    switch self {
    case .readCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED"
    case .repeatableRead: "BEGIN ISOLATION LEVEL REPEATABLE READ"
    case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
    }
  }
}
