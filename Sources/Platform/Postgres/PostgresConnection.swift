import Logging
import NIOCore
import Threads

/// One pipelined connection. Lives on its event loop: everything but what the pool's lock guards is
/// touched there only.
///
/// Statements go out at once, each with a sync after it, so that one which fails fails alone.
final class PostgresConnection: PoolConnection, @unchecked Sendable {
  typealias Answer = PostgresPipeline.Answer
  typealias Step = PostgresPipeline.Step

  let eventLoop: any EventLoop
  /// Guarded by the pool's lock, not by the event loop.
  var slot: PoolSlot

  private let pool: PostgresPool
  /// Nil once closed.
  private(set) var handle: ConnectionHandle?
  private var registration: PostgresPoller.Registration?
  /// What the poller was last asked for; empty while its report is being worked on.
  private var armed: PostgresPoller.Interest = []

  private var pipeline = PostgresPipeline()
  private var cache: StatementCache
  private var evicted: [String] = []
  private var finishedCount = 0
  private var finishedWriteCount = 0
  /// When the server has had long enough to end the statement that is too late.
  private var abortAt: NIODeadline?

  private var transaction: PostgresTransaction?
  private var timer: Scheduled<Void>?
  private var timerDeadline = NIODeadline.distantFuture

  init(
    handle: ConnectionHandle, eventLoop: any EventLoop, pool: PostgresPool, slot: PoolSlot,
    statementCacheMax: Int
  ) {
    self.handle = handle
    self.eventLoop = eventLoop
    self.pool = pool
    self.slot = slot
    cache = StatementCache(statementsMax: statementCacheMax)
  }

  var isOnCallersLoop: Bool { eventLoop.inEventLoop }

  /// Starts watching the socket; false when that is impossible.
  func start() -> Bool {
    eventLoop.assertInEventLoop()
    guard let handle, handle.enterPipelineMode() else { return false }
    registration = PostgresPoller.shared.add(self, socket: handle.socket)
    armed = .read
    return registration != nil
  }

  /// Runs `body` on the event loop, in place when the caller is there already.
  func onLoop(_ body: @escaping @Sendable (PostgresConnection) -> Void) {
    if eventLoop.inEventLoop { body(self) } else { eventLoop.execute { body(self) } }
  }

  // MARK: Sending

  /// Runs a statement outside a transaction; the pool has counted it already.
  func send(_ operation: PostgresOperation) {
    guard handle != nil else { return pool.submit(operation) }
    guard !operation.promise.isFinished else {
      return pool.finished(1, writes: operation.isRead ? 0 : 1, on: self)
    }
    append(operation.query) { .statement(operation, nil, isCached: $0) }
    endGroup(deadline: operation.deadline)
  }

  /// Sends statements that belong to `transaction`, which has this connection for itself.
  func send(_ steps: [(PostgresQuery, Step)], deadline: NIODeadline) {
    guard handle != nil else { return }
    for (query, step) in steps {
      append(query) { isCached in
        guard case .statement(let operation, let transaction, _) = step else { return step }
        return .statement(operation, transaction, isCached: isCached)
      }
    }
    endGroup(deadline: deadline)
  }

  private func append(_ query: PostgresQuery, step: (_ isCached: Bool) -> Step) {
    guard let handle else { return }
    let isSent: Bool
    switch cache.use(query) {
    case .ready(let name):
      isSent = handle.send(prepared: name, query.parameters)
      pipeline.append(step(true))
    case .unconfirmed:
      isSent = handle.send(query)
      pipeline.append(step(false))
    case .new(let name, let evicted):
      if let evicted { self.evicted.append(evicted) }
      isSent = handle.prepare(name, query) && handle.send(prepared: name, query.parameters)
      pipeline.append(.prepare(query))
      pipeline.append(step(true))
    }
    if !isSent { close(.connectionClosed) }
  }

  private func endGroup(deadline: NIODeadline) {
    guard sync() else { return }
    // In groups of their own, so that they cannot take a statement down with them.
    for name in evicted {
      guard let handle, handle.send(PostgresQuery(deallocating: name)) else {
        return close(.connectionClosed)
      }
      pipeline.append(.housekeeping)
      guard sync() else { return }
    }
    evicted.removeAll(keepingCapacity: true)
    watch(deadline)
    armIfNeeded()
  }

  private func sync() -> Bool {
    guard let handle else { return false }
    guard handle.sync() else {
      close(.connectionClosed)
      return false
    }
    pipeline.append(.sync)
    return true
  }

  // MARK: Receiving

  /// The poller's report; it has disarmed the socket.
  func socketIsReady() {
    eventLoop.assertInEventLoop()
    guard let handle else { return }
    armed = []
    let isAlive = handle.consumeInput()
    drain()
    reportFinished()
    // The answers that came before the end were still good.
    if !isAlive || !handle.isOpen { return close(.connectionClosed) }
    armIfNeeded()
  }

  private func drain() {
    while !pipeline.isEmpty, let handle, !handle.isBusy {
      let kind = handle.nextResult().map { AnswerKind($0) }
      if case .failure(.storageFull) = kind { pool.storageIsFull() }
      switch pipeline.receive(kind) {
      case .wait: continue
      case .settle(let group): for (step, answer) in group { settle(step, answer) }
      case .lost: return close(.connectionClosed)
      }
    }
  }

  private func settle(_ step: Step, _ answer: Answer) {
    switch step {
    case .prepare(let query):
      if case .success = answer { cache.confirm(query) } else { cache.remove(query) }
    case .statement(let operation, let transaction, let isCached):
      if isCached, case .failure(let error) = answer, error.isStaleStatement {
        if let name = cache.remove(operation.query) { evicted.append(name) }
        if transaction == nil { return sendAgain(operation) }
      }
      if let transaction {
        transaction.statementEnded(answer)
      } else {
        finishedCount += 1
        if !operation.isRead { finishedWriteCount += 1 }
      }
      operation.finish(answer)
    case .begin(let transaction): transaction.began(answer)
    case .end(let operation, let transaction):
      transaction.statementEnded(answer)
      unpin(transaction)
      operation.finish(answer)
    case .housekeeping, .sync: break
    }
  }

  /// A plan that no longer fits its tables (after a migration) never ran, so it is safe to repeat.
  private func sendAgain(_ operation: PostgresOperation) {
    guard let handle, handle.send(operation.query) else { return close(.connectionClosed) }
    pipeline.append(.statement(operation, nil, isCached: false))
    endGroup(deadline: operation.deadline)
  }

  private func reportFinished() {
    guard finishedCount > 0 else { return }
    let (count, writes) = (finishedCount, finishedWriteCount)
    (finishedCount, finishedWriteCount) = (0, 0)
    // The server goes on.
    abortAt = nil
    pool.finished(count, writes: writes, on: self)
  }

  private func armIfNeeded() {
    guard let handle, let registration else { return }
    var wanted: PostgresPoller.Interest = .read
    switch handle.flush() {
    case .done: break
    case .pending: wanted.insert(.write)
    case .failed: return close(.connectionClosed)
    }
    guard !armed.isSuperset(of: wanted) else { return }
    guard PostgresPoller.shared.arm(registration, for: wanted) else {
      return close(.connectionClosed)
    }
    armed = wanted
  }

  // MARK: Transactions

  /// Takes `transaction` on, for which the pool has pinned the connection.
  func pin(_ transaction: PostgresTransaction) {
    guard handle != nil else { return transaction.connectionEnded(.connectionClosed) }
    self.transaction = transaction
    watch(transaction.deadline)
  }

  /// Gives the connection back to the pool; nothing when it is lost or given back already.
  func unpin(_ transaction: PostgresTransaction) {
    guard self.transaction === transaction else { return }
    self.transaction = nil
    pool.unpinned(self)
  }

  // MARK: Deadlines

  /// One timer for all: it is set to the earliest deadline, and seldom has to be moved.
  private func watch(_ deadline: NIODeadline) {
    guard handle != nil, deadline < timerDeadline else { return }
    timer?.cancel()
    timerDeadline = deadline
    timer = eventLoop.scheduleTask(deadline: deadline) { self.checkDeadlines() }
  }

  private func checkDeadlines() {
    timerDeadline = .distantFuture
    let now = NIODeadline.now()
    var next = NIODeadline.distantFuture
    var isStuck = false
    for (index, operation) in pipeline.operations.enumerated() {
      if operation.deadline > now {
        next = min(next, operation.deadline)
      } else {
        operation.finish(.failure(.timeout(.answer)))
        // What waits behind others is answered to nobody in its turn.
        if index == 0 { isStuck = true }
      }
    }
    if let transaction {
      if transaction.deadline > now {
        next = min(next, transaction.deadline)
      } else if !transaction.isEnding {
        transaction.connectionEnded(.timeout(.answer))
        return abort()
      }
    }
    if isStuck {
      guard let end = endStuckStatement(now) else { return abort() }
      next = min(next, end)
    }
    if next < .distantFuture { watch(next) }
  }

  /// Asks the server to end the statement that it works on, for the others' sake; nil when it has
  /// been asked and didn't.
  private func endStuckStatement(_ now: NIODeadline) -> NIODeadline? {
    if let abortAt { return abortAt > now ? abortAt : nil }
    guard transaction == nil, let request = handle?.makeCancelRequest(),
      OwnThread.start({ request.send() })
    else { return nil }
    let end = now + Self.cancelTimeout
    abortAt = end
    return end
  }

  /// What a server that is alive needs to end a statement; a frozen one doesn't listen.
  private static let cancelTimeout = TimeAmount.seconds(1)

  // MARK: Ending

  private func abort() {
    handle?.abort()
    close(.connectionClosed)
  }

  /// Closes the connection; whoever still waits gets `error`.
  func close(_ error: PostgresError) {
    eventLoop.assertInEventLoop()
    guard handle != nil else { return }
    if let registration { PostgresPoller.shared.remove(registration) }
    handle = nil
    timer?.cancel()
    for (step, answer) in pipeline.abandon(error) {
      switch step {
      case .statement(let operation, _, _), .end(let operation, _):
        operation.finish(answer)
      case .prepare, .begin, .housekeeping, .sync: break
      }
    }
    transaction?.connectionEnded(error)
    transaction = nil
    pool.closed(self)
  }
}

extension PostgresError {
  /// 0A000 "cached plan must not change result type", 26000 the statement is gone.
  fileprivate var isStaleStatement: Bool {
    guard case .server(let error) = self else { return false }
    return error.sqlState == .featureNotSupported || error.sqlState == .invalidStatementName
  }
}
