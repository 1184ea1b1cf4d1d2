import NIOCore
import Testing

@testable import Postgres

/// What the pool decides, without a server and without waiting: time is an argument.
@Suite struct PoolStateTests {
  private final class Connection: PoolConnection, @unchecked Sendable {
    var slot: PoolSlot
    let isOnCallersLoop: Bool

    init(retireAt: NIODeadline = .distantFuture, isOnCallersLoop: Bool = true) {
      slot = PoolSlot(retireAt: retireAt)
      self.isOnCallersLoop = isOnCallersLoop
    }
  }
  private typealias State = PoolState<Connection>

  private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
  private let now = Self.start

  private func state(
    _ adjust: (inout PostgresConfiguration) -> Void = { _ in }
  ) throws -> State {
    var configuration = try PostgresConfiguration(url: "postgres://nobody@localhost/nothing")
    configuration.connectionsMax = 2
    adjust(&configuration)
    return State(configuration)
  }

  private func statement(deadline: NIODeadline = .distantFuture) -> PostgresOperation {
    PostgresOperation("SELECT 1", deadline: deadline)
  }

  private func lease() -> Promise<Connection, PostgresError> { Promise(cancelled: .cancelled) }

  /// What `event` asks for.
  private func effects(
    _ state: inout State, _ event: (inout State, inout State.Effects) -> Void
  ) -> State.Effects {
    var effects = State.Effects()
    event(&state, &effects)
    return effects
  }

  private func submit(
    _ state: inout State, _ statement: PostgresOperation? = nil, at time: NIODeadline = start
  ) -> (connection: Connection?, effects: State.Effects) {
    var effects = State.Effects()
    let connection = state.submit(statement ?? self.statement(), now: time, &effects)
    return (connection, effects)
  }

  /// Opens idle connections.
  private func open(_ state: inout State, _ connections: Connection...) {
    var effects = State.Effects()
    for _ in connections {
      state.lease(lease(), deadline: .distantFuture, now: now, &effects)
    }
    for connection in connections {
      let isWelcome = state.opened(connection, now: now, &effects)
      #expect(isWelcome)
    }
    for connection in connections { state.unpinned(connection, now: now, &effects) }
    #expect(effects.openCount == connections.count)
  }

  @Test func aFirstStatementWaitsForTheConnectionThatItOpens() throws {
    var state = try state()
    var asked = State.Effects()
    let taker = state.submit(statement(), now: now, &asked)
    #expect(taker == nil)
    #expect(asked.openCount == 1)
    #expect(asked.sweepAt == now + .seconds(3))
    let connection = Connection()
    asked = effects(&state) { _ = $0.opened(connection, now: now, &$1) }
    #expect(asked.statements.count == 1)
    #expect(asked.statements.first?.0 === connection)
    #expect(connection.slot.depth == 1)
  }

  @Test func statementsStayOnTheirCallersLoopWhileThatIsCheaper() throws {
    var state = try state()
    let near = Connection()
    open(&state, Connection(isOnCallersLoop: false), near)
    for _ in 0..<State.hopCostStatements {
      #expect(submit(&state).connection === near)
    }
    #expect(submit(&state).connection !== near)
  }

  @Test func aTransactionHasItsConnectionForItself() throws {
    var state = try state { $0.connectionsMax = 1 }
    let connection = Connection()
    open(&state, connection)
    let leased = effects(&state) { $0.lease(lease(), deadline: .distantFuture, now: now, &$1) }
    #expect(leased.leases.first?.0 === connection)
    let (taker, waiting) = submit(&state)
    #expect(taker == nil)
    #expect(waiting.statements.isEmpty && waiting.openCount == 0)
    let after = effects(&state) { $0.unpinned(connection, now: now, &$1) }
    #expect(after.statements.first?.0 === connection)
  }

  @Test func aTransactionPrefersANewConnectionToABusyOne() throws {
    var state = try state()
    let busy = Connection()
    open(&state, busy)
    #expect(submit(&state).connection === busy)
    let asked = effects(&state) { $0.lease(lease(), deadline: .distantFuture, now: now, &$1) }
    #expect(asked.leases.isEmpty)
    #expect(asked.openCount == 1)
  }

  @Test func afterAFailureOneAttemptIsMadeOnceTheBackoffIsOver() throws {
    var state = try state()
    for _ in 0..<3 { _ = submit(&state) }
    let failed = effects(&state) {
      for _ in 0..<2 { _ = $0.connectFailed(.connectionFailed(detail: "no"), now: now, &$1) }
    }
    #expect(failed.openCount == 0)
    let retryAt = try #require(failed.retryAt)
    #expect(retryAt > now && retryAt <= now + .milliseconds(100))
    let early = effects(&state) { $0.retry(now: retryAt - .milliseconds(1), &$1) }
    #expect(early.openCount == 0)
    let retried = effects(&state) { $0.retry(now: retryAt + .seconds(1), &$1) }
    #expect(retried.openCount == 1)
  }

  @Test func whoWaitsLeavesAtTheOwnDeadlineOrAtThePools() throws {
    var state = try state { $0.connectionsMax = 1 }
    let connection = Connection()
    open(&state, connection)
    _ = effects(&state) { $0.lease(lease(), deadline: .distantFuture, now: now, &$1) }
    _ = submit(&state, statement(deadline: now + .seconds(1)))
    _ = submit(&state)
    var swept = effects(&state) { $0.sweep(now + .seconds(1), now: now + .seconds(1), &$1) }
    #expect(swept.failures.map(\.1) == [.timeout(.connection)])
    #expect(swept.sweepAt == now + .seconds(3))
    swept = effects(&state) { $0.sweep(now + .seconds(3), now: now + .seconds(3), &$1) }
    #expect(swept.failures.map(\.1) == [.poolExhausted])
    #expect(state.waiters.isEmpty)
    #expect(connection.slot.isPinned)
  }

  @Test func aFullQueueRefusesAndTellsWhyNobodyIsServed() throws {
    var state = try state { $0.waitersMax = 1 }
    _ = submit(&state)
    var refused = submit(&state).effects
    #expect(refused.failures.map(\.1) == [.poolExhausted])
    _ = effects(&state) { _ = $0.connectFailed(.connectionFailed(detail: "no"), now: now, &$1) }
    refused = submit(&state).effects
    #expect(refused.failures.map(\.1) == [.connectionFailed(detail: "no")])
    state.storageIsFull()
    refused = submit(&state).effects
    #expect(refused.failures.map(\.1) == [.storageFull])
  }

  @Test func anOldConnectionIsClosedWhenItsWorkIsDone() throws {
    var state = try state()
    let old = Connection(retireAt: now + .seconds(1))
    open(&state, old)
    #expect(submit(&state).connection === old)
    #expect(submit(&state).connection === old)
    let later = now + .seconds(2)
    var done = effects(&state) { $0.finished(1, on: old, now: later, &$1) }
    #expect(done.closing.isEmpty)
    #expect(submit(&state, at: later).connection == nil)
    done = effects(&state) { $0.finished(1, on: old, now: later, &$1) }
    #expect(done.closing.first === old)
  }

  @Test func aDrainedPoolEndsWhenItsWorkHasEnded() throws {
    var state = try state()
    let connection = Connection()
    open(&state, connection)
    #expect(submit(&state).connection === connection)
    var asked = effects(&state) { $0.drain(now: now, &$1) }
    #expect(!asked.isStopped && asked.closing.isEmpty)
    asked = submit(&state).effects
    #expect(asked.failures.map(\.1) == [.shuttingDown])
    asked = effects(&state) { $0.finished(1, on: connection, now: now, &$1) }
    #expect(asked.closing.first === connection)
    asked = effects(&state) { _ = $0.closed(connection, now: now, &$1) }
    #expect(asked.isStopped)
  }
}
