import Cryptography
import Foundation
import Identity
import Receipts
import Synchronization

@testable import Auth

/// An `AuthService` on memory, with clocks that only tests move and a cheap password hash.
struct TestAuth {
  static let password = "tr0ubador and the horse"
  static let origin = CallOrigin(
    ipAddress: "192.0.2.7", userAgent: "Firefox", requestID: "request-1")

  let store = InMemoryAuthStore()
  let clock = TestClock()
  let service: AuthService

  init(
    policy: SessionPolicy = SessionPolicy(), accounts: AccountPolicy = AccountPolicy(),
    rates: AttemptLimits.Rates = AttemptLimits.Rates(),
    hasher: PasswordHasher = TestAuth.cheapHasher
  ) {
    let clock = clock
    service = AuthService(
      store: store, passwords: PasswordHashingPool(hasher: hasher, threadCount: 1),
      assertions: PlainAssertions(), policy: policy, accounts: accounts,
      limits: AttemptLimits(rates, store: InMemoryAttempts()), clock: { clock.date })
  }

  static let cheapHasher = PasswordHasher(
    parameters: PasswordHasher.Parameters(memoryKiB: 64, iterations: 1, parallelism: 1))

  func signUp(
    _ email: String = "ann@example.com", password: String = TestAuth.password
  ) async throws -> Account {
    try await service.createAccount(
      email: email, password: SecretBytes(utf8: password), displayName: "",
      from: Self.origin)
  }

  func logIn(
    _ email: String = "ann@example.com", password: String = TestAuth.password,
    from origin: CallOrigin = TestAuth.origin
  ) async throws(AuthError) -> StartedSession {
    let logIn = try await service.createSession(
      email: email, password: SecretBytes(utf8: password), from: origin)
    guard case .started(let started) = logIn else { throw .engine(detail: "no session") }
    return started
  }

  func caller(_ account: Account, _ credential: Caller.Credential = .session(UUID())) -> Caller {
    Caller(
      userID: account.id, email: account.email.text, credential: credential,
      confirmTime: clock.date)
  }
}

/// Time that stands still until it is moved.
final class TestClock: Sendable {
  private let elapsed = Mutex(Duration.zero)
  private let start = ContinuousClock.now

  var date: Date {
    Date(timeIntervalSince1970: 1_800_000_000 + elapsed.withLock { $0 / .seconds(1) })
  }
  var instant: ContinuousClock.Instant { start.advanced(by: elapsed.withLock { $0 }) }

  func advance(by duration: Duration) { elapsed.withLock { $0 += duration } }
}

/// Spells the caller out in place of a signature.
struct PlainAssertions: AssertionIssuer {
  func issue(
    for caller: Caller, purpose: AssertionPurpose?, holder: AssertionHolder?, at now: Date
  ) throws(AuthError) -> IssuedAssertion {
    IssuedAssertion(
      bytes: Array(
        [caller.userID.text, "\(caller.credential)", caller.scopes.text].filter { !$0.isEmpty }
          .joined(separator: " ").utf8),
      expireTime: now.addingTimeInterval(60), purpose: purpose)
  }
}

/// Counts attempts by the algorithm of the database, which is tested where it lives.
final class InMemoryAttempts: AttemptStore {
  private struct State {
    var fullTimes: [String: Date] = [:]
    var failures: [String: Int] = [:]
    var holdEnds: [String: Date] = [:]
  }

  private let state = Mutex(State())

  func take(_ attempts: [Attempt], at now: Date) async throws(AuthError) -> Duration? {
    state.withLock { state in
      for attempt in attempts {
        let step = attempt.rate.interval / .seconds(1)
        let full = max(state.fullTimes[attempt.name] ?? now, now).addingTimeInterval(step)
        let room = full.timeIntervalSince(now) - step * Double(attempt.rate.count)
        guard room <= 0.000_5 else { return .milliseconds((room * 1000).rounded()) }
        state.fullTimes[attempt.name] = full
      }
      return nil
    }
  }

  func noteFailure(of subject: String, at now: Date) async throws(AuthError) -> Int {
    state.withLock { state in
      let count = state.failures[subject, default: 0] + 1
      state.failures[subject] = count
      let hold = AttemptLimits.hold(afterFailures: count)
      if hold > .zero { state.holdEnds[subject] = now.addingTimeInterval(hold / .seconds(1)) }
      return count
    }
  }

  func holdEnd(of subject: String, at now: Date) async throws(AuthError) -> Date? {
    state.withLock { $0.holdEnds[subject].flatMap { $0 > now ? $0 : nil } }
  }

  func forgive(_ subject: String) async throws(AuthError) {
    state.withLock { state in
      state.failures[subject] = nil
      state.holdEnds[subject] = nil
    }
  }

  func sweep(at now: Date) async throws(AuthError) {}
}
