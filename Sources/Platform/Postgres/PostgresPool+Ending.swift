import NIOCore
import Synchronization

extension PostgresPool {
  /// Sends away whoever has waited long enough. `deadline` tells an outdated timer.
  func sweep(_ deadline: NIODeadline) {
    var effects = Effects()
    state.withLock { state in
      guard state.sweepAt == deadline else { return }
      let now = NIODeadline.now()
      state.sweepAt = .distantFuture
      let reason = reasonToRefuse(state)
      state.waiters.removeAll { waiter in
        if waiter.leavesAt > now {
          state.sweepAt = min(state.sweepAt, waiter.leavesAt)
          return false
        }
        // Its own deadline is its own fault, unless nobody could have met it.
        let isOwn = waiter.deadline <= now && reason == .poolExhausted
        effects.failures.append((waiter, isOwn ? .timeout(.connection) : reason))
        return true
      }
      if state.sweepAt < .distantFuture { effects.sweepAt = state.sweepAt }
      stopIfDone(&state, &effects)
    }
    perform(effects)
  }

  func retry() {
    var effects = Effects()
    state.withLock { state in
      state.isRetryScheduled = false
      if state.phase != .closed { serve(&state, &effects) }
    }
    perform(effects)
  }

  // MARK: Stopping

  /// Takes no new work; what is there already is finished.
  func drain() {
    var effects = Effects()
    state.withLock { state in
      guard state.phase == .running else { return }
      state.phase = .draining
      stopIfDone(&state, &effects)
    }
    perform(effects)
  }

  /// Closes everything now.
  func close() {
    var effects = Effects()
    state.withLock { state in
      state.phase = .closed
      effects.failures = state.waiters.map { ($0, .shuttingDown) }
      state.waiters.removeAll()
      effects.closing = state.connections
      stopIfDone(&state, &effects)
    }
    perform(effects)
  }

  /// Returns when the pool has been drained or closed.
  func stopped() async {
    await withCheckedContinuation { continuation in
      var effects = Effects()
      state.withLock { state in
        state.stopped.append(continuation)
        stopIfDone(&state, &effects)
      }
      perform(effects)
    }
  }

  func stopIfDone(_ state: inout State, _ effects: inout Effects) {
    guard state.phase != .running, state.waiters.isEmpty else { return }
    for connection in state.connections { settle(connection, &state, &effects) }
    guard state.connections.isEmpty else { return }
    state.phase = .closed
    effects.stopped += state.stopped
    state.stopped.removeAll()
  }
}
