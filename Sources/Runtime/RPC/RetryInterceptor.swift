import Pacing

/// Makes failed unary calls again, for methods whose repetition does no harm.
///
/// Its place in a client's list decides what an interceptor sees: those before it (a call log, the
/// call's metrics, authentication that lasts for a call) see one call with one outcome; those after
/// it (spans or metrics of attempts) see every attempt. The standard place is the last.
///
/// A call that the server has provably not begun is sent again by the transport itself, whatever
/// its method, and counts as one attempt here. Streaming calls pass through: their body can't run
/// twice.
package struct RetryInterceptor: ClientInterceptor {
  /// Tells a server how many attempts came before this one.
  package static let previousAttemptsKey = "grpc-previous-rpc-attempts"

  private let paths: Set<String>
  private let policy: RetryPolicy
  private let budget: RetryBudget

  /// `methods` are idempotent: running one twice leaves what running it once leaves.
  package init(
    idempotent methods: [MethodDescriptor], policy: RetryPolicy = RetryPolicy(),
    budget: RetryBudget = RetryBudget()
  ) {
    paths = Set(methods.lazy.filter { $0.shape == .unary }.map(\.path))
    self.policy = policy
    self.budget = budget
  }

  package func intercept<Outcome: Sendable>(
    _ method: MethodDescriptor, _ options: CallOptions,
    next: (CallOptions) async throws(RPCError) -> Outcome
  ) async throws(RPCError) -> Outcome {
    guard method.shape == .unary, paths.contains(method.path) else {
      return try await next(options)
    }
    var failureCount = 0
    // Starts over when the server names a wait.
    var backoffCount = 0
    while true {
      do throws(RPCError) {
        let outcome = try await next(attempt(options, after: failureCount))
        budget.recordSuccess()
        return outcome
      } catch {
        failureCount += 1
        let pushback = RetryPushback(error.metadata)
        guard mayRetry(error, pushback, after: failureCount) else { throw error }
        let wait: Duration
        if case .after(let asked) = pushback {
          wait = asked
          backoffCount = 0
        } else {
          backoffCount += 1
          wait = policy.backoff.wait(afterFailures: backoffCount)
        }
        guard wait < options.effectiveDeadline.remaining else { throw error }
        try await pause(wait)
      }
    }
  }

  private func attempt(_ options: CallOptions, after failureCount: Int) -> CallOptions {
    guard failureCount > 0 else { return options }
    var options = options
    options.metadata.store(Self.previousAttemptsKey.utf8, String(failureCount).utf8)
    return options
  }

  private func mayRetry(
    _ error: RPCError, _ pushback: RetryPushback, after failureCount: Int
  ) -> Bool {
    guard policy.retryableCodes.contains(error.code) else {
      // A server that asks for calm costs a token whatever its code is.
      if pushback == .never { budget.recordFailure() }
      return false
    }
    budget.recordFailure()
    return pushback != .never && failureCount < policy.attemptCountBound && budget.allowsRetry
  }

  private func pause(_ wait: Duration) async throws(RPCError) {
    do {
      try await Task.sleep(for: wait)
    } catch {
      throw RPCError(.cancelled, "the call was cancelled")
    }
  }
}
