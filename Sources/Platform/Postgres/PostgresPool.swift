import Logging
import NIOCore
import Synchronization

/// Gives statements and transactions to connections, opens them, and lets callers wait in a bounded
/// queue.
///
/// Decisions are made under one lock and carried out after it, on the connections' event loops.
final class PostgresPool: Sendable {
  enum Phase { case running, draining, closed }

  struct State {
    var phase = Phase.running
    var connections: [PostgresConnection] = []
    var openingCount = 0
    var waiters = CircularBuffer<PostgresWaiter>()
    var backoff = PostgresBackoff()
    /// Why the last attempt to connect failed; nil after one that did not.
    var connectFailure: PostgresError?
    /// 53100 was seen and no connection has been opened since.
    var isStorageFull = false
    var isRetryScheduled = false
    var sweepAt = NIODeadline.distantFuture
    var stopped: [CheckedContinuation<Void, Never>] = []
  }

  /// What a decision asks for.
  struct Effects {
    var statements: [(PostgresConnection, PostgresOperation)] = []
    var leases: [(PostgresConnection, Promise<PostgresConnection, PostgresError>)] = []
    var failures: [(PostgresWaiter, PostgresError)] = []
    var closing: [PostgresConnection] = []
    var openCount = 0
    var retryAt: NIODeadline?
    var sweepAt: NIODeadline?
    var stopped: [CheckedContinuation<Void, Never>] = []
  }

  /// A statement goes to a connection of the caller's own loop unless that has so many more in
  /// flight: a hop costs about as much as they delay it.
  static let hopCostStatements = 8
  /// One more connection is opened once the best one has so many in flight.
  static let growthDepth = 16

  let configuration: PostgresConfiguration
  let group: any EventLoopGroup
  private let timerLoop: any EventLoop
  let logger: Logger
  /// For this file and its extensions only.
  let state = Mutex(State())

  init(_ configuration: PostgresConfiguration, group: any EventLoopGroup, logger: Logger) {
    self.configuration = configuration
    self.group = group
    timerLoop = group.next()
    self.logger = logger
  }

  // MARK: Work in

  /// Sends a statement now, or puts it into the queue, or refuses it.
  func submit(_ operation: PostgresOperation) {
    var effects = Effects()
    let connection = state.withLock { state -> PostgresConnection? in
      if state.phase == .running, let connection = pickForStatement(&state) {
        connection.slot.depth += 1
        if connection.slot.depth > Self.growthDepth { grow(&state, &effects) }
        return connection
      }
      enqueue(.statement(operation), deadline: operation.deadline, &state, &effects)
      return nil
    }
    connection?.onLoop { $0.send(operation) }
    perform(effects)
  }

  /// Asks for a connection for a transaction.
  func lease(_ promise: Promise<PostgresConnection, PostgresError>, deadline: NIODeadline) {
    var effects = Effects()
    state.withLock { enqueue(.lease(promise), deadline: deadline, &$0, &effects) }
    perform(effects)
  }

  /// Makes room in the queue for a caller that was cancelled.
  func removeFinishedWaiters() {
    var effects = Effects()
    state.withLock { state in
      state.waiters.removeAll(where: \.isFinished)
      stopIfDone(&state, &effects)
    }
    perform(effects)
  }

  private func enqueue(
    _ request: PostgresWaiter.Request, deadline: NIODeadline, _ state: inout State,
    _ effects: inout Effects
  ) {
    let patience = NIODeadline.now() + TimeAmount(configuration.acquireTimeout)
    let waiter = PostgresWaiter(request: request, deadline: deadline, patience: patience)
    guard state.phase == .running else { return effects.failures.append((waiter, .shuttingDown)) }
    state.waiters.append(waiter)
    serve(&state, &effects)
    guard state.waiters.count <= configuration.waitersMax else {
      state.waiters.removeLast()
      return effects.failures.append((waiter, reasonToRefuse(state)))
    }
    if !state.waiters.isEmpty, waiter.leavesAt < state.sweepAt {
      state.sweepAt = waiter.leavesAt
      effects.sweepAt = waiter.leavesAt
    }
  }

  // MARK: Choosing

  private func pickForStatement(_ state: inout State) -> PostgresConnection? {
    var best: PostgresConnection?
    var bestCost = Int.max
    for connection in state.connections where connection.slot.isAvailable {
      let depth = connection.slot.depth
      guard depth < configuration.pipelineDepthMax else { continue }
      let cost = depth + (connection.eventLoop.inEventLoop ? 0 : Self.hopCostStatements)
      if cost < bestCost { (best, bestCost) = (connection, cost) }
    }
    return best
  }

  /// An idle connection; a busy one only when no other can be had: what is in its pipeline runs
  /// before the transaction.
  private func pickForTransaction(_ state: inout State) -> PostgresConnection? {
    let available = state.connections.lazy.filter(\.slot.isAvailable)
    let best = available.min {
      ($0.slot.depth, $0.eventLoop.inEventLoop ? 0 : 1)
        < ($1.slot.depth, $1.eventLoop.inEventLoop ? 0 : 1)
    }
    guard let best, best.slot.depth > 0 else { return best }
    let mayOpen = state.connections.count < configuration.connectionsMax
    return mayOpen && state.backoff.failures == 0 ? nil : best
  }

  /// Serves the queue in its order as far as it goes, and sees to more connections for the rest.
  func serve(_ state: inout State, _ effects: inout Effects) {
    while let waiter = state.waiters.first {
      if !waiter.isFinished {
        switch waiter.request {
        case .statement(let operation):
          guard let connection = pickForStatement(&state) else {
            return open(state.waiters.count, &state, &effects)
          }
          connection.slot.depth += 1
          effects.statements.append((connection, operation))
        case .lease(let promise):
          guard let connection = pickForTransaction(&state) else {
            return open(state.waiters.count, &state, &effects)
          }
          connection.slot.isPinned = true
          effects.leases.append((connection, promise))
        }
      }
      state.waiters.removeFirst()
    }
  }

  // MARK: Work out

  /// So many statements of a connection have been answered.
  func finished(_ count: Int, on connection: PostgresConnection) {
    var effects = Effects()
    state.withLock { state in
      connection.slot.depth -= count
      if !state.waiters.isEmpty { serve(&state, &effects) }
      settle(connection, &state, &effects)
    }
    perform(effects)
  }

  /// A connection's transaction is over.
  func unpinned(_ connection: PostgresConnection) {
    var effects = Effects()
    state.withLock { state in
      connection.slot.isPinned = false
      serve(&state, &effects)
      settle(connection, &state, &effects)
    }
    perform(effects)
  }

  /// A connection is gone, and whoever waited for it has been told.
  func closed(_ connection: PostgresConnection, _ error: PostgresError) {
    var effects = Effects()
    let isExpected = state.withLock { state in
      state.connections.removeAll { $0 === connection }
      if state.phase != .closed { serve(&state, &effects) }
      stopIfDone(&state, &effects)
      return connection.slot.isRetiring || state.phase != .running
    }
    if !isExpected { logger.warning("lost a connection to PostgreSQL") }
    perform(effects)
  }

  /// The server answered 53100; it may be about to go down.
  func storageIsFull() {
    state.withLock { $0.isStorageFull = true }
    logger.error("PostgreSQL has no storage left")
  }

  /// Retires a connection that is old, and closes one that has nothing left to do.
  func settle(
    _ connection: PostgresConnection, _ state: inout State, _ effects: inout Effects
  ) {
    let isLast = state.phase == .draining && state.waiters.isEmpty
    if isLast || connection.slot.retireAt < .now() { connection.slot.isRetiring = true }
    if connection.slot.isRetiring, connection.slot.depth == 0, !connection.slot.isPinned {
      effects.closing.append(connection)
    }
  }

  /// Why nobody can be served now.
  func reasonToRefuse(_ state: State) -> PostgresError {
    guard state.connections.isEmpty, let failure = state.connectFailure else {
      return .poolExhausted
    }
    return state.isStorageFull ? .storageFull : failure
  }

  // MARK: Carrying out

  func perform(_ effects: consuming Effects) {
    for (connection, operation) in effects.statements { connection.onLoop { $0.send(operation) } }
    for (connection, promise) in effects.leases where !promise.finish(.success(connection)) {
      unpinned(connection)
    }
    for (waiter, error) in effects.failures { waiter.fail(error) }
    for connection in effects.closing { connection.onLoop { $0.close(.shuttingDown) } }
    for _ in 0..<effects.openCount { connect() }
    if let retryAt = effects.retryAt {
      timerLoop.scheduleTask(deadline: retryAt) { self.retry() }
    }
    if let sweepAt = effects.sweepAt {
      timerLoop.scheduleTask(deadline: sweepAt) { self.sweep(sweepAt) }
    }
    for continuation in effects.stopped { continuation.resume() }
  }
}

extension PostgresConnection.Slot {
  fileprivate var isAvailable: Bool { !isPinned && !isRetiring }
}
