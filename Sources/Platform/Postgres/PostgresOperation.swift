import NIOCore
import Synchronization

/// One statement on its way, and who waits for it.
final class PostgresOperation: Sendable {
  let query: PostgresQuery
  let deadline: NIODeadline
  let promise = PostgresPromise<PostgresResult>()

  init(_ query: PostgresQuery, deadline: NIODeadline) {
    self.query = query
    self.deadline = deadline
  }
}

/// A value that one task waits for; the first outcome counts, whoever brings it.
final class PostgresPromise<Value: Sendable>: Sendable {
  private enum State {
    case unasked
    case asked(CheckedContinuation<Result<Value, PostgresError>, Never>)
    case finished
  }
  private let state = Mutex(State.unasked)

  var isFinished: Bool {
    state.withLock { if case .finished = $0 { true } else { false } }
  }

  /// Starts the work and waits; cancellation ends the wait at once with `.cancelled`, and `onCancel`
  /// is told.
  func value(
    start: () -> Void, onCancel: @Sendable () -> Void
  ) async throws(PostgresError) -> Value {
    let result = await withTaskCancellationHandler {
      await uncancellableResult(start: start)
    } onCancel: {
      if finish(.failure(.cancelled)) { onCancel() }
    }
    return try result.get()
  }

  /// Starts the work and waits to its end, come what may.
  func uncancellableResult(start: () -> Void) async -> Result<Value, PostgresError> {
    await withCheckedContinuation { continuation in
      let isCancelled = state.withLock { state in
        guard case .unasked = state else { return true }
        state = .asked(continuation)
        return false
      }
      if isCancelled { continuation.resume(returning: .failure(.cancelled)) } else { start() }
    }
  }

  /// Ends the wait; false when it had ended before.
  @discardableResult
  func finish(_ result: Result<Value, PostgresError>) -> Bool {
    let previous = state.withLock { state in
      defer { state = .finished }
      return state
    }
    switch previous {
    case .unasked: return true
    case .asked(let continuation):
      continuation.resume(returning: result)
      return true
    case .finished: return false
    }
  }
}
