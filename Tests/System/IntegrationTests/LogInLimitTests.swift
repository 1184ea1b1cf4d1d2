import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// Guessing at the running system, with the limits that it ships with.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LogInLimitTests {
  /// What one client address may try in a minute, and one account's password from there.
  private static let perClient = 60
  private static let perAccount = 10
  private static let tries = 1_000

  private func logIn(
    _ portal: Portal, _ email: String, from address: String
  ) async throws -> Portal.Answer {
    try await portal.send(
      .POST, "/api/v1/sessions", json: ["email": email, "password": "not the password of anybody"],
      headers: [("x-forwarded-for", address)])
  }

  /// A thousand log-ins from one place: as many are looked at as the documentation says, the others
  /// are told when to come back, and nobody else notices.
  @Test func aThousandTriesFromOnePlaceAreLimitedThereAlone() async throws {
    let stack = try await RunningStack.start(environment: ["TRUSTED_PROXIES": "127.0.0.1"])
    let owner = Portal(stack.address)
    let email = try await owner.signUpAndLogIn("owner")
    let guesser = Portal(stack.address)
    func tryOut(_ count: Int, from address: (Int) -> String) async throws {
      var looked = 0
      let begin = ContinuousClock.now
      for number in 0..<count {
        let answer = try await logIn(
          guesser, "victim-\(UUID())@example.org", from: address(number))
        if answer.status == 401 {
          looked += 1
        } else {
          #expect(answer.status == 429, "\(answer.text)")
          let wait = answer.headers["retry-after"].first.flatMap { Int($0) } ?? 0
          #expect((1...60).contains(wait), "\(answer.headers)")
        }
      }
      // One more is allowed with each second that the tries took.
      let seconds = Int(begin.duration(to: .now) / .seconds(1)) + 1
      #expect((Self.perClient...Self.perClient + seconds).contains(looked), "\(looked)")
    }
    try await tryOut(Self.tries) { _ in "198.51.100.7" }
    // What stands behind a character that joins others is no address: all of these are one client.
    try await tryOut(Self.tries / 4) { "9.9.9.\($0 % 256) \u{600}, 198.51.\($0).9" }
    #expect(try await owner.send(.GET, "/api/v1/me").status == 200)
    #expect(try await logIn(Portal(stack.address), email, from: "203.0.113.9").status == 401)
    let elsewhere = try await Portal(stack.address).send(
      .POST, "/api/v1/sessions", json: ["email": email, "password": Portal.password],
      headers: [("x-forwarded-for", "203.0.113.9")])
    #expect(elsewhere.status == 201, "\(elsewhere.text)")
    await stack.stopAndRemove()
  }

  /// Spellings of one address are one account, for its limit too; and wrong passwords for it end no
  /// session of its owner.
  @Test func oneAccountIsLimitedHoweverItsAddressIsSpelt() async throws {
    let stack = try await RunningStack.start(environment: ["TRUSTED_PROXIES": "127.0.0.1"])
    let owner = Portal(stack.address)
    let email = try await owner.signUpAndLogIn("owner")
    let guesser = Portal(stack.address)
    let spellings = [email, email.uppercased(), " \(email)", email.capitalized]
    var looked = 0
    for number in 0..<3 * Self.perAccount {
      let answer = try await logIn(
        guesser, spellings[number % spellings.count], from: "198.51.100.7")
      if answer.status == 401 { looked += 1 }
    }
    // Ten wrong passwords hold the account up for a minute, wherever the next one comes from.
    #expect(looked == Self.perAccount)
    #expect(try await logIn(guesser, email, from: "203.0.113.9").status == 429)
    #expect(try await owner.send(.GET, "/api/v1/me").status == 200)
    // A device that has logged in before passes.
    #expect(try await owner.logIn(email).status == 201)
    await stack.stopAndRemove()
  }
}
