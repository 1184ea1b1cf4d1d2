import Synchronization

/// A value that one task waits for; the first outcome counts, whoever brings it.
package final class Promise<Value: Sendable, Failure: Error>: Sendable {
  private enum State {
    case unasked
    case asked(CheckedContinuation<Result<Value, Failure>, Never>)
    case finished
  }
  private let state = Mutex(State.unasked)
  private let cancelled: Failure

  /// - Parameter cancelled: what a task that is cancelled while it waits is told.
  package init(cancelled: Failure) { self.cancelled = cancelled }

  package var isFinished: Bool {
    state.withLock { if case .finished = $0 { true } else { false } }
  }

  /// Starts the work and waits; cancellation ends the wait at once and `onCancel` is told.
  package func value(
    start: () -> Void, onCancel: @Sendable () -> Void
  ) async throws(Failure) -> Value {
    let result = await withTaskCancellationHandler {
      await uncancellableResult(start: start)
    } onCancel: {
      if finish(.failure(cancelled)) { onCancel() }
    }
    return try result.get()
  }

  /// Starts the work and waits to its end, come what may.
  package func uncancellableResult(start: () -> Void) async -> Result<Value, Failure> {
    await withCheckedContinuation { continuation in
      let isCancelled = state.withLock { state in
        guard case .unasked = state else { return true }
        state = .asked(continuation)
        return false
      }
      if isCancelled { continuation.resume(returning: .failure(cancelled)) } else { start() }
    }
  }

  /// Ends the wait; false when it had ended before.
  @discardableResult
  package func finish(_ result: Result<Value, Failure>) -> Bool {
    var previous = State.finished
    state.withLock { swap(&$0, &previous) }
    switch previous {
    case .unasked: return true
    case .asked(let continuation):
      continuation.resume(returning: result)
      return true
    case .finished: return false
    }
  }
}
