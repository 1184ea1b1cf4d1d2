import NIOCore
import Pacing

/// A connection as its pool sees it.
protocol PoolConnection: AnyObject, Sendable {
  /// Guarded by the pool's lock.
  var slot: PoolSlot { get set }
  /// Whether the caller runs on this connection's event loop.
  var isOnCallersLoop: Bool { get }
}

/// What a pool knows of a connection.
struct PoolSlot {
  /// Statements outside transactions that are assigned to it.
  var depth = 0
  /// Those of them that may wait for locks of others, and what is behind them too.
  var writeCount = 0
  /// A transaction has it for itself.
  var isPinned = false
  /// Takes no new work and is closed when it has none left.
  var isRetiring = false
  let retireAt: NIODeadline

  fileprivate var isAvailable: Bool { !isPinned && !isRetiring }
}

/// Decides which connection a statement or a transaction gets, who waits in a bounded queue and for
/// how long, and when connections are opened, retired and closed.
///
/// Does no I/O: each event takes the time it happens at and returns what is to be done about it.
struct PoolState<Connection: PoolConnection> {
  enum Phase { case running, draining, closed }

  /// Somebody in the queue.
  struct Waiter {
    enum Request {
      case statement(PostgresOperation)
      /// A transaction, which wants a connection for itself.
      case lease(Promise<Connection, PostgresError>)
    }

    let request: Request
    /// When its own deadline passes, and how long the pool lets anyone wait.
    let deadline: NIODeadline
    let patience: NIODeadline

    var leavesAt: NIODeadline { min(deadline, patience) }

    var isFinished: Bool {
      switch request {
      case .statement(let operation): operation.promise.isFinished
      case .lease(let promise): promise.isFinished
      }
    }

    func fail(_ error: PostgresError) {
      switch request {
      case .statement(let operation): operation.finish(.failure(error))
      case .lease(let promise): promise.finish(.failure(error))
      }
    }
  }

  /// What is to be done, in this order, once the lock is free.
  struct Effects {
    var statements: [(Connection, PostgresOperation)] = []
    var leases: [(Connection, Promise<Connection, PostgresError>)] = []
    var failures: [(Waiter, PostgresError)] = []
    var closing: [Connection] = []
    var openCount = 0
    var retryAt: NIODeadline?
    var sweepAt: NIODeadline?
    /// Everything has ended; whoever waits for that is to be told.
    var isStopped = false
  }

  /// A statement goes to a connection of the caller's own loop unless that has so many more in
  /// flight: a hop costs about as much as they delay it.
  static var hopCostStatements: Int { 8 }
  /// One more connection is opened once the best one has so many in flight.
  static var growthDepth: Int { 16 }

  private let configuration: PostgresConfiguration
  private(set) var phase = Phase.running
  private(set) var connections: [Connection] = []
  private(set) var waiters = CircularBuffer<Waiter>()
  private var openingCount = 0
  private var backoff = PostgresBackoff()
  /// Why the last attempt to connect failed; nil after one that did not.
  private var connectFailure: PostgresError?
  /// 53100 was seen and no connection has been opened since.
  private var isStorageFull = false
  private var isRetryScheduled = false
  private var sweepAt = NIODeadline.distantFuture

  init(_ configuration: PostgresConfiguration) {
    self.configuration = configuration
  }

  var statistics: PostgresStatistics {
    PostgresStatistics(
      connections.lazy.map(\.slot), opening: openingCount, waiting: waiters.count)
  }

  // MARK: Work in

  /// A statement came: returns the connection that takes it now, else it waits or is refused.
  mutating func submit(
    _ operation: PostgresOperation, now: NIODeadline, _ effects: inout Effects
  ) -> Connection? {
    if phase == .running, let connection = pickForStatement(operation) {
      assign(operation, connection)
      if connection.slot.depth > Self.growthDepth, openingCount == 0 { open(1, now, &effects) }
      return connection
    }
    enqueue(.statement(operation), deadline: operation.deadline, now, &effects)
    return nil
  }

  /// A transaction came.
  mutating func lease(
    _ promise: Promise<Connection, PostgresError>, deadline: NIODeadline, now: NIODeadline,
    _ effects: inout Effects
  ) {
    enqueue(.lease(promise), deadline: deadline, now, &effects)
  }

  /// A caller in the queue was cancelled.
  mutating func removeFinishedWaiters(now: NIODeadline, _ effects: inout Effects) {
    waiters.removeAll(where: \.isFinished)
    stopIfDone(now, &effects)
  }

  private mutating func enqueue(
    _ request: Waiter.Request, deadline: NIODeadline, _ now: NIODeadline,
    _ effects: inout Effects
  ) {
    let patience = now + TimeAmount(configuration.acquireTimeout)
    let waiter = Waiter(request: request, deadline: deadline, patience: patience)
    guard phase == .running else { return effects.failures.append((waiter, .shuttingDown)) }
    waiters.append(waiter)
    serve(now, &effects)
    guard waiters.count <= configuration.waitersMax else {
      waiters.removeLast()
      return effects.failures.append((waiter, reasonToRefuse))
    }
    if !waiters.isEmpty, waiter.leavesAt < sweepAt {
      sweepAt = waiter.leavesAt
      effects.sweepAt = waiter.leavesAt
    }
  }

  // MARK: Choosing

  /// Reads and writes keep apart where there are connections enough: a write may wait for a lock,
  /// and whatever is behind it waits too.
  private func pickForStatement(_ operation: PostgresOperation) -> Connection? {
    var best: Connection?
    var bestCost = Int.max
    let writingCount = connections.count { $0.slot.writeCount > 0 }
    for connection in connections where connection.slot.isAvailable {
      let depth = connection.slot.depth
      guard depth < configuration.pipelineDepthMax else { continue }
      let isWriting = connection.slot.writeCount > 0
      // The last connection without a write stays so.
      let isStranger =
        operation.isRead
        ? isWriting : !isWriting && writingCount > 0 && writingCount + 1 >= connections.count
      let cost =
        depth + (connection.isOnCallersLoop ? 0 : Self.hopCostStatements)
        + (isStranger ? configuration.pipelineDepthMax : 0)
      if cost < bestCost { (best, bestCost) = (connection, cost) }
    }
    guard operation.isRead, let best, best.slot.writeCount > 0, mayOpen else { return best }
    return nil
  }

  /// Whether another connection can be had soon.
  private var mayOpen: Bool {
    connections.count < configuration.connectionsMax && backoff.failures == 0
  }

  private func assign(_ operation: PostgresOperation, _ connection: Connection) {
    connection.slot.depth += 1
    if !operation.isRead { connection.slot.writeCount += 1 }
  }

  /// An idle connection; a busy one only when no other can be had: what is in its pipeline runs
  /// before the transaction.
  private func pickForTransaction() -> Connection? {
    let best = connections.lazy.filter(\.slot.isAvailable).min {
      ($0.slot.depth, $0.isOnCallersLoop ? 0 : 1) < ($1.slot.depth, $1.isOnCallersLoop ? 0 : 1)
    }
    guard let best, best.slot.depth > 0 else { return best }
    return mayOpen ? nil : best
  }

  /// Serves the queue in its order as far as it goes, and sees to more connections for the rest.
  private mutating func serve(_ now: NIODeadline, _ effects: inout Effects) {
    while let waiter = waiters.first {
      if !waiter.isFinished {
        switch waiter.request {
        case .statement(let operation):
          guard let connection = pickForStatement(operation) else {
            return open(waiters.count, now, &effects)
          }
          assign(operation, connection)
          effects.statements.append((connection, operation))
        case .lease(let promise):
          guard let connection = pickForTransaction() else {
            return open(waiters.count, now, &effects)
          }
          connection.slot.isPinned = true
          effects.leases.append((connection, promise))
        }
      }
      waiters.removeFirst()
    }
  }

  // MARK: Opening

  private mutating func open(_ wanted: Int, _ now: NIODeadline, _ effects: inout Effects) {
    let room = configuration.connectionsMax - connections.count
    var count = min(wanted, room) - openingCount
    guard count > 0, phase != .closed else { return }
    if backoff.failures > 0 {
      // One attempt shows whether the server is back.
      guard openingCount == 0 else { return }
      guard now >= backoff.retryAt else {
        if !isRetryScheduled { effects.retryAt = backoff.retryAt }
        isRetryScheduled = true
        return
      }
      count = 1
    }
    openingCount += count
    effects.openCount += count
  }

  /// The time of `Effects.retryAt` has come.
  mutating func retry(now: NIODeadline, _ effects: inout Effects) {
    isRetryScheduled = false
    if phase != .closed { serve(now, &effects) }
  }

  /// A connection was opened; false when it came too late and is to be closed.
  mutating func opened(
    _ connection: Connection, now: NIODeadline, _ effects: inout Effects
  ) -> Bool {
    openingCount -= 1
    backoff.succeeded()
    connectFailure = nil
    isStorageFull = false
    connections.append(connection)
    guard phase != .closed else { return false }
    serve(now, &effects)
    settle(connection, now, &effects)
    return true
  }

  /// No connection could be opened; returns how often in a row.
  mutating func connectFailed(
    _ error: PostgresError, now: NIODeadline, _ effects: inout Effects
  ) -> Int {
    openingCount -= 1
    backoff.failed(at: now)
    connectFailure = error
    if phase != .closed { serve(now, &effects) }
    stopIfDone(now, &effects)
    return backoff.failures
  }

  // MARK: Work out

  /// So many statements of a connection have been answered.
  mutating func finished(
    _ count: Int, writes: Int = 0, on connection: Connection, now: NIODeadline,
    _ effects: inout Effects
  ) {
    connection.slot.depth -= count
    connection.slot.writeCount -= writes
    if !waiters.isEmpty { serve(now, &effects) }
    settle(connection, now, &effects)
  }

  /// A connection's transaction is over.
  mutating func unpinned(_ connection: Connection, now: NIODeadline, _ effects: inout Effects) {
    connection.slot.isPinned = false
    serve(now, &effects)
    settle(connection, now, &effects)
  }

  /// A connection is gone; returns whether that was meant to be.
  mutating func closed(
    _ connection: Connection, now: NIODeadline, _ effects: inout Effects
  ) -> Bool {
    connections.removeAll { $0 === connection }
    if phase != .closed { serve(now, &effects) }
    stopIfDone(now, &effects)
    return connection.slot.isRetiring || phase != .running
  }

  /// The server answered 53100; it may be about to go down.
  mutating func storageIsFull() { isStorageFull = true }

  /// Retires a connection that is old, and closes one that has nothing left to do.
  private func settle(
    _ connection: Connection, _ now: NIODeadline, _ effects: inout Effects
  ) {
    let isLast = phase == .draining && waiters.isEmpty
    if isLast || connection.slot.retireAt < now { connection.slot.isRetiring = true }
    if connection.slot.isRetiring, connection.slot.depth == 0, !connection.slot.isPinned {
      effects.closing.append(connection)
    }
  }

  // MARK: Waiting too long

  /// The time of `Effects.sweepAt` has come: sends away whoever has waited long enough.
  mutating func sweep(_ deadline: NIODeadline, now: NIODeadline, _ effects: inout Effects) {
    // Else an outdated timer.
    guard sweepAt == deadline else { return }
    sweepAt = .distantFuture
    let reason = reasonToRefuse
    var staying = CircularBuffer<Waiter>()
    for waiter in waiters {
      if waiter.leavesAt > now {
        sweepAt = min(sweepAt, waiter.leavesAt)
        staying.append(waiter)
      } else {
        // Its own deadline is its own fault, unless nobody could have met it.
        let isOwn = waiter.deadline <= now && reason == .poolExhausted
        effects.failures.append((waiter, isOwn ? .timeout(.connection) : reason))
      }
    }
    waiters = staying
    if sweepAt < .distantFuture { effects.sweepAt = sweepAt }
    stopIfDone(now, &effects)
  }

  /// Why nobody can be served now.
  private var reasonToRefuse: PostgresError {
    guard connections.isEmpty, let failure = connectFailure else { return .poolExhausted }
    return isStorageFull ? .storageFull : failure
  }

  // MARK: Stopping

  /// Takes no new work; what is there already is finished.
  mutating func drain(now: NIODeadline, _ effects: inout Effects) {
    guard phase == .running else { return }
    phase = .draining
    stopIfDone(now, &effects)
  }

  /// Closes everything now.
  mutating func close(now: NIODeadline, _ effects: inout Effects) {
    phase = .closed
    effects.failures = waiters.map { ($0, .shuttingDown) }
    waiters.removeAll()
    effects.closing = connections
    stopIfDone(now, &effects)
  }

  /// Sees whether a pool that takes no more work has come to its end.
  mutating func stopIfDone(_ now: NIODeadline, _ effects: inout Effects) {
    guard phase != .running, waiters.isEmpty else { return }
    for connection in connections { settle(connection, now, &effects) }
    guard connections.isEmpty else { return }
    phase = .closed
    effects.isStopped = true
  }
}

/// When a connection may be tried again after failures.
struct PostgresBackoff {
  private static let waits = Backoff.doubling(from: .milliseconds(50), to: .seconds(1))

  private(set) var failures = 0
  private(set) var retryAt = NIODeadline.uptimeNanoseconds(0)

  mutating func failed(at now: NIODeadline) {
    failures += 1
    retryAt = now + TimeAmount(Self.waits.wait(afterFailures: failures))
  }

  mutating func succeeded() { self = PostgresBackoff() }
}
