import Logging
import NIOCore
import Synchronization
import Threads

/// One statement on its way, and who waits for it.
final class PostgresOperation: Sendable {
  let query: PostgresQuery
  let deadline: NIODeadline
  let isRead: Bool
  let promise = Promise<PostgresResult, PostgresError>(cancelled: .cancelled)
  /// Hears what became of it.
  let observer: (any StatementObserver)?
  let started: NIODeadline
  /// What it belongs to, in the observer's words.
  let origin: (any AnyObject & Sendable)?

  init(
    _ query: PostgresQuery, deadline: NIODeadline, observer: (any StatementObserver)? = nil
  ) {
    self.query = query
    self.deadline = deadline
    self.observer = observer
    started = .now()
    origin = observer?.origin()
    isRead = query.isRead
  }
}

/// Gives statements and transactions to connections and opens them, as `PoolState` decides.
///
/// Decisions are made under one lock and carried out after it, on the connections' event loops.
final class PostgresPool: Sendable {
  private typealias State = PoolState<PostgresConnection>
  private struct Guarded {
    var state: State
    var stopped: [CheckedContinuation<Void, Never>] = []
  }

  private let configuration: PostgresConfiguration
  private let group: any EventLoopGroup
  private let timerLoop: any EventLoop
  private let logger: Logger
  private let guarded: Mutex<Guarded>

  init(_ configuration: PostgresConfiguration, group: any EventLoopGroup, logger: Logger) {
    self.configuration = configuration
    self.group = group
    timerLoop = group.next()
    self.logger = logger
    guarded = Mutex(Guarded(state: State(configuration)))
  }

  /// Has the state decide about an event, and carries it out.
  @discardableResult
  private func on<Answer: Sendable>(
    _ event: (inout State, NIODeadline, inout State.Effects) -> Answer
  ) -> Answer {
    var effects = State.Effects()
    var stopped: [CheckedContinuation<Void, Never>] = []
    let answer = guarded.withLock { guarded in
      let answer = event(&guarded.state, .now(), &effects)
      if effects.isStopped { swap(&stopped, &guarded.stopped) }
      return answer
    }
    perform(effects)
    for continuation in stopped { continuation.resume() }
    return answer
  }

  private func perform(_ effects: consuming State.Effects) {
    for (connection, operation) in effects.statements { connection.onLoop { $0.send(operation) } }
    for (connection, promise) in effects.leases where !promise.finish(.success(connection)) {
      unpinned(connection)
    }
    for (waiter, error) in effects.failures { waiter.fail(error) }
    for connection in effects.closing { connection.onLoop { $0.close(.shuttingDown) } }
    for _ in 0..<effects.openCount { connect() }
    if let retryAt = effects.retryAt {
      timerLoop.scheduleTask(deadline: retryAt) { self.on { $0.retry(now: $1, &$2) } }
    }
    if let sweepAt = effects.sweepAt {
      timerLoop.scheduleTask(deadline: sweepAt) { self.on { $0.sweep(sweepAt, now: $1, &$2) } }
    }
  }

  // MARK: Work

  var statistics: PostgresStatistics { guarded.withLock { $0.state.statistics } }

  /// Sends a statement now, or puts it into the queue, or refuses it.
  func submit(_ operation: PostgresOperation) {
    let connection = on { $0.submit(operation, now: $1, &$2) }
    connection?.onLoop { $0.send(operation) }
  }

  /// Asks for a connection for a transaction.
  func lease(_ promise: Promise<PostgresConnection, PostgresError>, deadline: NIODeadline) {
    on { $0.lease(promise, deadline: deadline, now: $1, &$2) }
  }

  /// Makes room in the queue for a caller that was cancelled.
  func removeFinishedWaiters() { on { $0.removeFinishedWaiters(now: $1, &$2) } }

  /// So many statements of a connection have been answered, so many of them writes.
  func finished(_ count: Int, writes: Int, on connection: PostgresConnection) {
    on { $0.finished(count, writes: writes, on: connection, now: $1, &$2) }
  }

  /// A connection's transaction is over.
  func unpinned(_ connection: PostgresConnection) { on { $0.unpinned(connection, now: $1, &$2) } }

  /// A connection is gone, and whoever waited for it has been told.
  func closed(_ connection: PostgresConnection) {
    let isExpected = on { $0.closed(connection, now: $1, &$2) }
    if !isExpected { logger.warning("lost a connection to PostgreSQL") }
  }

  /// The server answered 53100; it may be about to go down.
  func storageIsFull() {
    on { state, _, _ in state.storageIsFull() }
    logger.error("PostgreSQL has no storage left")
  }

  // MARK: Opening

  private func connect() {
    let connector = Connector(configuration: configuration)
    let isStarted = OwnThread.start { [self] in
      do throws(PostgresError) {
        adopt(try connector.connect())
      } catch {
        connectFailed(error)
      }
    }
    if !isStarted { connectFailed(.connectionFailed(detail: "no thread to connect on")) }
  }

  private func adopt(_ handle: ConnectionHandle) {
    let loop = group.next()
    let lifetime = TimeAmount(configuration.connectionLifetime).nanoseconds
    let age = lifetime - Int64.random(in: 0...max(0, lifetime / 5))
    let connection = PostgresConnection(
      handle: handle, eventLoop: loop, pool: self,
      slot: PoolSlot(retireAt: .now() + .nanoseconds(age)),
      statementCacheMax: configuration.pooler == .none ? configuration.statementCacheMax : 0)
    // Under the lock: after `close` has returned, the loop may be gone.
    guarded.withLock { guarded in
      guard guarded.state.phase != .closed else { return }
      loop.execute { self.opened(connection) }
    }
  }

  private func opened(_ connection: PostgresConnection) {
    guard connection.start() else {
      return connectFailed(.connectionFailed(detail: "the socket cannot be watched"))
    }
    logger.debug("connected to PostgreSQL")
    let isWelcome = on { $0.opened(connection, now: $1, &$2) }
    if !isWelcome { connection.close(.shuttingDown) }
  }

  private func connectFailed(_ error: PostgresError) {
    let failures = on { $0.connectFailed(error, now: $1, &$2) }
    logger.warning(
      "cannot connect to PostgreSQL",
      metadata: ["reason": "\(error)", "failures": "\(failures)"])
  }

  // MARK: Stopping

  /// Takes no new work; what is there already is finished.
  func drain() { on { $0.drain(now: $1, &$2) } }

  /// Closes everything now.
  func close() { on { $0.close(now: $1, &$2) } }

  /// Returns when the pool has been drained or closed.
  func stopped() async {
    await withCheckedContinuation { continuation in
      guarded.withLock { $0.stopped.append(continuation) }
      on { $0.stopIfDone($1, &$2) }
    }
  }
}
