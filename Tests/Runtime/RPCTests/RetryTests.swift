import Pacing
import RPC
import Synchronization
import Testing

/// Answers every attempt with the next of its outcomes; the last one repeats.
private final class ScriptedService: Sendable {
  private struct State {
    var outcomes: [RPCError?]
    var attempts: [Metadata] = []
  }

  private let state: Mutex<State>

  init(_ outcomes: [RPCError?]) {
    state = Mutex(State(outcomes: outcomes))
  }

  var attempts: [Metadata] { state.withLock(\.attempts) }

  /// What the service was told about earlier attempts.
  var announcedAttempts: [String?] {
    attempts.map { $0[RetryInterceptor.previousAttemptsKey] }
  }

  func answer(_ options: CallOptions) throws(RPCError) -> String {
    let outcome = state.withLock { state in
      state.attempts.append(options.metadata)
      return state.outcomes.count > 1 ? state.outcomes.removeFirst() : state.outcomes.first ?? nil
    }
    if let outcome { throw outcome }
    return "done"
  }
}

@Suite struct RetryTests {
  private static let method = MethodDescriptor(service: "a.B", method: "Read", shape: .unary)
  private static let unavailable = RPCError(.unavailable, "not now")

  private static func policy(attempts: Int = 3, wait: Duration = .zero) -> RetryPolicy {
    var policy = RetryPolicy()
    policy.attemptCountMax = attempts
    policy.backoff = Backoff(min: wait, max: wait)
    return policy
  }

  private func pushedBack(_ pushback: RetryPushback) -> RPCError {
    var error = Self.unavailable
    error.pushBack(pushback)
    return error
  }

  private func call(
    _ service: ScriptedService, _ retry: RetryInterceptor, method: MethodDescriptor = method,
    timeout: Duration = .seconds(20)
  ) async throws(RPCError) -> String {
    try await ClientInterceptors([retry]).call(method, CallOptions(timeout: timeout)) {
      options throws(RPCError) in try service.answer(options)
    }
  }

  private func code(
    _ service: ScriptedService, _ retry: RetryInterceptor, method: MethodDescriptor = method,
    timeout: Duration = .seconds(20)
  ) async -> RPCError.Code {
    do throws(RPCError) {
      _ = try await call(service, retry, method: method, timeout: timeout)
      return .ok
    } catch {
      return error.code
    }
  }

  @Test func aFailedCallIsMadeAgainAndSaysSo() async throws {
    let service = ScriptedService([Self.unavailable, Self.unavailable, nil])
    let retry = RetryInterceptor(idempotent: [Self.method], policy: Self.policy())
    #expect(try await call(service, retry) == "done")
    #expect(service.announcedAttempts == [nil, "1", "2"])
  }

  @Test(arguments: [(1, 1), (2, 2), (5, 5), (50, RetryPolicy.attemptCountLimit)])
  func attemptsAreBounded(_ wanted: Int, _ made: Int) async {
    let service = ScriptedService([Self.unavailable])
    let retry = RetryInterceptor(
      idempotent: [Self.method], policy: Self.policy(attempts: wanted))
    #expect(await code(service, retry) == .unavailable)
    #expect(service.attempts.count == made)
  }

  @Test func aMethodThatWasNotNamedIsCalledOnce() async {
    let service = ScriptedService([Self.unavailable])
    let other = MethodDescriptor(service: "a.B", method: "Write", shape: .unary)
    let retry = RetryInterceptor(idempotent: [Self.method], policy: Self.policy())
    #expect(await code(service, retry, method: other) == .unavailable)
    #expect(service.attempts.count == 1)
  }

  @Test func aStreamingCallIsMadeOnceEvenWhenNamed() async {
    let service = ScriptedService([Self.unavailable])
    let stream = MethodDescriptor(service: "a.B", method: "Watch", shape: .serverStreaming)
    let retry = RetryInterceptor(idempotent: [stream], policy: Self.policy())
    #expect(await code(service, retry, method: stream) == .unavailable)
    #expect(service.attempts.count == 1)
  }

  @Test func anotherCodeIsFinal() async {
    let service = ScriptedService([RPCError(.notFound, "no such thing")])
    let retry = RetryInterceptor(idempotent: [Self.method], policy: Self.policy())
    #expect(await code(service, retry) == .notFound)
    #expect(service.attempts.count == 1)
  }

  @Test func theServersWaitReplacesOurs() async throws {
    // Our own wait would outlast the deadline, so only the server's allows the second attempt.
    let service = ScriptedService([pushedBack(.after(.milliseconds(1))), nil])
    let retry = RetryInterceptor(
      idempotent: [Self.method], policy: Self.policy(wait: .seconds(3_600)))
    #expect(try await call(service, retry) == "done")
  }

  @Test func theServerCanForbidRetries() async {
    let service = ScriptedService([pushedBack(.never)])
    let retry = RetryInterceptor(idempotent: [Self.method], policy: Self.policy())
    #expect(await code(service, retry) == .unavailable)
    #expect(service.attempts.count == 1)
  }

  @Test func noWaitOutlastsTheDeadline() async {
    let service = ScriptedService([Self.unavailable])
    let retry = RetryInterceptor(
      idempotent: [Self.method], policy: Self.policy(wait: .seconds(3_600)))
    #expect(await code(service, retry, timeout: .seconds(60)) == .unavailable)
    #expect(service.attempts.count == 1)
  }

  @Test func cancellingTheCallerEndsTheWait() async {
    let service = ScriptedService([Self.unavailable])
    let retry = RetryInterceptor(
      idempotent: [Self.method], policy: Self.policy(wait: .seconds(3_600)))
    let call = Task { await code(service, retry, timeout: .seconds(36_000)) }
    call.cancel()
    #expect(await call.value == .cancelled)
    #expect(service.attempts.count == 1)
  }

  @Test func aClientWhoseCallsFailStopsRetrying() async {
    let service = ScriptedService([Self.unavailable])
    let retry = RetryInterceptor(
      idempotent: [Self.method], policy: Self.policy(attempts: 5),
      budget: RetryBudget(tokenCountMax: 10, tokenRatio: 0.5))
    // Ten tokens: the fifth failure leaves half of them.
    #expect(await code(service, retry) == .unavailable)
    #expect(service.attempts.count == 5)
    #expect(await code(service, retry) == .unavailable)
    #expect(service.attempts.count == 6)
  }

  @Test func successesFillTheBudgetAgain() {
    let budget = RetryBudget(tokenCountMax: 4, tokenRatio: 0.5)
    for _ in 0..<100 { budget.recordFailure() }
    #expect(!budget.allowsRetry)
    for _ in 0..<4 { budget.recordSuccess() }
    #expect(!budget.allowsRetry)
    budget.recordSuccess()
    #expect(budget.allowsRetry)
  }
}

@Suite struct RetryPushbackTests {
  @Test(arguments: ["-1", "-0", "+5", "", " 5", "1e3", "0x10", "99999999999", "soon"])
  func whatIsNoWaitMeansNever(_ value: String) {
    #expect(RetryPushback(value: value) == .never)
  }

  @Test func silenceAndNumbersMeanWhatTheySay() {
    #expect(RetryPushback(Metadata()) == .none)
    #expect(RetryPushback(value: "0") == .after(.zero))
    #expect(RetryPushback(value: "1500") == .after(.milliseconds(1_500)))
  }

  @Test(arguments: [RetryPushback.never, .after(.zero), .after(.milliseconds(7))])
  func whatAServerSaysIsWhatAClientReads(_ pushback: RetryPushback) {
    var error = RPCError(.unavailable, "later")
    error.pushBack(pushback)
    #expect(RetryPushback(error.metadata) == pushback)
  }
}
