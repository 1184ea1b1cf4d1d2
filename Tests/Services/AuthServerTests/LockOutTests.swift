import Callers
import Foundation
import Identity
import Mail
import Postgres
import RPC
import ServiceAPI
import TestSupport
import Testing

@testable import Auth
@testable import AuthServer

/// Wrong passwords hold up whoever guesses, and not the owner.
@Suite struct LockOutTests {
  private func guess(
    _ bench: AuthBench, _ email: String, from address: String,
    password: String = "wrong", deviceToken: String = ""
  ) async -> String? {
    await bench.refusal {
      try await bench.gateway.createSession(
        AuthAPI.CreateSessionRequest(
          email: email, password: password, deviceToken: deviceToken),
        options: .acting(with: nil, origin: CallOrigin(ipAddress: address)))
    }
  }

  @Test func manyGuessesFromEverywhereHoldUpStrangersButNotAKnownDevice() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    let first = try await bench.gateway.createSession(
      AuthAPI.CreateSessionRequest(email: email, password: AuthBench.password),
      options: bench.nobody)
    #expect(!first.deviceToken.isEmpty)
    for number in 0..<10 {
      #expect(
        await guess(bench, email, from: "198.51.100.\(number)")
          == "unauthenticated WRONG_CREDENTIALS")
    }
    // Even the right password doesn't get in from elsewhere now …
    #expect(
      await guess(bench, email, from: "203.0.113.9", password: AuthBench.password)
        == "resourceExhausted")
    // … with a token that somebody made up or that is another account's neither …
    let other = bench.newEmail()
    try await bench.signUp(other)
    let theirs = try await bench.gateway.createSession(
      AuthAPI.CreateSessionRequest(email: other, password: AuthBench.password),
      options: bench.nobody)
    let changed = (first.deviceToken.first == "A" ? "B" : "A") + first.deviceToken.dropFirst()
    for token in ["AAAA", changed, theirs.deviceToken] {
      #expect(
        await guess(
          bench, email, from: "203.0.113.9", password: AuthBench.password, deviceToken: token)
          == "resourceExhausted")
    }
    // … and from the device that was there before it does.
    #expect(
      await guess(
        bench, email, from: "203.0.113.9", password: AuthBench.password,
        deviceToken: first.deviceToken) == nil)

    // The owner was told, and opens log-in for a new device, which is known from then on.
    #expect(
      try await bench.mails(to: email).map(\.subject).contains(
        "Log-in to your account is held up"))
    let unlocked = try await bench.gateway.redeemLink(
      AuthAPI.RedeemLinkRequest(token: try await unlockToken(bench, email)),
      options: bench.nobody)
    #expect(unlocked.purpose == .unlock && !unlocked.deviceToken.isEmpty)
    #expect(
      await guess(bench, email, from: "203.0.113.9", password: AuthBench.password) == nil)
  }

  private func unlockToken(_ bench: AuthBench, _ email: String) async throws -> String {
    let mail = try #require(
      try await bench.mails(to: email).last {
        $0.subject == "Log-in to your account is held up"
      })
    return String(try #require(mail.text.firstMatch(of: /token=(chl_[A-Za-z0-9_-]+)/)).1)
  }

  @Test func theHoldEndsByItselfAndGrowsWithEachFurtherGuess() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    for number in 0..<10 { _ = await guess(bench, email, from: "198.51.100.\(number)") }
    #expect(await guess(bench, email, from: "203.0.113.1") == "resourceExhausted")
    bench.clock.advance(by: 61)
    #expect(
      await guess(bench, email, from: "203.0.113.1") == "unauthenticated WRONG_CREDENTIALS")
    bench.clock.advance(by: 61)
    #expect(await guess(bench, email, from: "203.0.113.1") == "resourceExhausted")
    bench.clock.advance(by: 61)
    #expect(
      await guess(bench, email, from: "203.0.113.1", password: AuthBench.password) == nil)
  }

  @Test func anUnknownAddressIsHeldUpLikeAKnownOne() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    for number in 0..<10 {
      #expect(
        await guess(bench, email, from: "198.51.100.\(number)")
          == "unauthenticated WRONG_CREDENTIALS")
    }
    #expect(await guess(bench, email, from: "203.0.113.1") == "resourceExhausted")
  }

  @Test func instancesCountTogether() async throws {
    let bench = try await AuthBench()
    let postgres = bench.database.postgres
    let rate = AttemptRate(3, per: .seconds(60))
    let (one, two) = (
      PostgresAttemptStore(postgres: postgres), PostgresAttemptStore(postgres: postgres)
    )
    let now = Date(timeIntervalSince1970: 1_800_000_000)
    let attempt = [Attempt("test", rate)]
    #expect(try await one.take(attempt, at: now) == nil)
    #expect(try await two.take(attempt, at: now) == nil)
    #expect(try await one.take(attempt, at: now) == nil)
    #expect(try await two.take(attempt, at: now) == .seconds(20))
    #expect(try await one.take(attempt, at: now.addingTimeInterval(15)) == .seconds(5))
    #expect(try await one.take(attempt, at: now.addingTimeInterval(20)) == nil)
    #expect(try await one.take(attempt, at: now.addingTimeInterval(20)) != nil)
  }

  @Test func ofManyAtOnceAsManyPassAsMay() async throws {
    let bench = try await AuthBench()
    let store = PostgresAttemptStore(postgres: bench.database.postgres)
    let attempt = [Attempt("crowd", AttemptRate(7, per: .seconds(3600)))]
    let now = Date()
    let passed = try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<60 {
        group.addTask { try await store.take(attempt, at: now) == nil }
      }
      return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(passed == 7)
  }

  @Test func whoHasUsedUpTheirOwnShareTakesNothingFromTheirNeighbours() async throws {
    let bench = try await AuthBench()
    let store = PostgresAttemptStore(postgres: bench.database.postgres)
    let rate = AttemptRate(1, per: .seconds(3600))
    let now = Date()
    func passes(_ address: String) async throws -> Bool {
      try await store.take(ClientSource(address).attempts("x", rate), at: now) == nil
    }
    #expect(try await passes("2001:db8:0:1::1"))
    for _ in 0..<50 { #expect(try await !passes("2001:db8:0:1::2")) }
    // Three more customers of the /56, then it is used up; the /48 has room for others.
    for number in 2...4 { #expect(try await passes("2001:db8:0:\(number)::1")) }
    #expect(try await !passes("2001:db8:0:5::1"))
    #expect(try await passes("2001:db8:0:100::1"))
  }

  @Test func whatIsOverIsSwept() async throws {
    let bench = try await AuthBench()
    let store = PostgresAttemptStore(postgres: bench.database.postgres)
    let now = Date()
    _ = try await store.take([Attempt("old", AttemptRate(1, per: .seconds(60)))], at: now)
    _ = try await store.noteFailure(of: "ann", at: now)
    try await store.sweep(at: now.addingTimeInterval(2 * 86_400))
    let left = try await bench.database.superuser.first(
      """
      SELECT (SELECT count(*) FROM auth.attempts) + (SELECT count(*) FROM auth.log_in_failures)
               AS count
      """
    ) { row throws(PostgresError) in try row.decode("count", as: Int.self) }
    #expect(left == 0)
  }
}
