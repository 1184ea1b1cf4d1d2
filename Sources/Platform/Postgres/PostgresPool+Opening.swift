import Logging
import NIOCore
import Synchronization
import Threads

extension PostgresPool {
  func grow(_ state: inout State, _ effects: inout Effects) {
    if state.openingCount == 0 { open(1, &state, &effects) }
  }

  func open(_ wanted: Int, _ state: inout State, _ effects: inout Effects) {
    let room = configuration.connectionsMax - state.connections.count
    var count = min(wanted, room) - state.openingCount
    guard count > 0, state.phase != .closed else { return }
    if state.backoff.failures > 0 {
      // One attempt shows whether the server is back.
      guard state.openingCount == 0 else { return }
      guard NIODeadline.now() >= state.backoff.retryAt else {
        if !state.isRetryScheduled { effects.retryAt = state.backoff.retryAt }
        state.isRetryScheduled = true
        return
      }
      count = 1
    }
    state.openingCount += count
    effects.openCount += count
  }

  func connect() {
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
      slot: .init(retireAt: .now() + .nanoseconds(age)),
      statementCacheMax: configuration.statementCacheMax)
    // Under the lock: after `close` has returned, the loop may be gone.
    state.withLock { state in
      guard state.phase != .closed else { return }
      loop.execute { self.opened(connection) }
    }
  }

  private func opened(_ connection: PostgresConnection) {
    guard connection.start() else {
      return connectFailed(.connectionFailed(detail: "the socket cannot be watched"))
    }
    logger.debug("connected to PostgreSQL")
    var effects = Effects()
    let isWelcome = state.withLock { state in
      state.openingCount -= 1
      state.backoff.succeeded()
      state.connectFailure = nil
      state.isStorageFull = false
      state.connections.append(connection)
      guard state.phase != .closed else { return false }
      serve(&state, &effects)
      settle(connection, &state, &effects)
      return true
    }
    if !isWelcome { connection.close(.shuttingDown) }
    perform(effects)
  }

  private func connectFailed(_ error: PostgresError) {
    var effects = Effects()
    let failures = state.withLock { state in
      state.openingCount -= 1
      state.backoff.failed(at: .now())
      state.connectFailure = error
      if state.phase != .closed { serve(&state, &effects) }
      stopIfDone(&state, &effects)
      return state.backoff.failures
    }
    logger.warning(
      "cannot connect to PostgreSQL",
      metadata: ["reason": "\(error)", "failures": "\(failures)"])
    perform(effects)
  }
}
