import Cryptography
import Foundation
import Identity
import Receipts
import Testing
import UseCases

@testable import Auth

@Suite struct SessionTests {
  private let auth = TestAuth()

  @Test func aLogInGivesATokenThatOnlyItsHashIsKeptOf() async throws {
    let account = try await auth.signUp()
    let started = try await auth.logIn()
    #expect(started.account == account)
    #expect(auth.store.sessionTokenHashes == [started.token.storageHash])

    let answer = try await auth.service.authenticate(
      .sessionToken(started.token.text), from: TestAuth.origin)
    #expect(answer.account == account)
    let receipt = try #require(auth.store.receipts.last)
    #expect(receipt.action == .sessionCreate)
    #expect(receipt.outcome == .success)
    #expect(receipt.target.id == started.session.id.uuidString.lowercased())
  }

  @Test func aWrongPasswordIsRecordedForTheAccount() async throws {
    let account = try await auth.signUp()
    await #expect(throws: AuthError.wrongCredentials) {
      try await auth.logIn(password: "not the password")
    }
    let receipt = try #require(auth.store.receipts.last)
    #expect(receipt.action == .sessionCreate)
    #expect(receipt.outcome == .failure)
    #expect(receipt.actor == .anonymous)
    #expect(receipt.accountID == account.id)
    #expect(receipt.details == ["reason": .text("wrong-password")])
  }

  @Test func anUnknownAddressGetsTheSameAnswerAndMovesACounterOnly() async throws {
    await #expect(throws: AuthError.wrongCredentials) {
      try await auth.logIn("nobody@example.com")
    }
    #expect(auth.store.unknownLogIns == 1)
    #expect(auth.store.receipts.isEmpty)
  }

  @Test func anAccentTypedOnAnotherMachineIsTheSamePassword() async throws {
    _ = try await auth.signUp(password: "K\u{e4}se \u{fc}ber Stra\u{df}e 35")
    _ = try await auth.logIn(password: "Ka\u{308}se u\u{308}ber Stra\u{df}e 35")
    await #expect(throws: AuthError.wrongCredentials) {
      try await auth.logIn(password: "Kase uber Strasse 35")
    }
    _ = try await auth.signUp("bob@example.com", password: "a\u{301}gata has 35 boats")
    _ = try await auth.logIn("bob@example.com", password: "\u{e1}gata has 35 boats")
  }

  @Test func aHashOfADecomposedPasswordStaysValidAndIsReplaced() async throws {
    let account = try await auth.signUp()
    let old = "a\u{301}gata has 35 boats"
    auth.store.setPasswordHash(
      try TestAuth.cheapHasher.hash(SecretBytes(utf8: old)), of: account.id)
    await #expect(throws: AuthError.wrongCredentials) {
      try await auth.logIn(password: "\u{e1}gata has 35 boats")
    }
    _ = try await auth.logIn(password: old)
    _ = try await auth.logIn(password: "\u{e1}gata has 35 boats")
    _ = try await auth.logIn(password: old)
  }

  @Test func blanksAroundTheAddressMakeNoDifference() async throws {
    _ = try await auth.signUp("ann@example.com ")
    _ = try await auth.logIn("ann@example.com\n")
  }

  @Test(arguments: ["", String(repeating: "x", count: 5000)])
  func aPasswordOfAnyLengthIsJustWrong(_ password: String) async throws {
    _ = try await auth.signUp()
    await #expect(throws: AuthError.wrongCredentials) { try await auth.logIn(password: password) }
  }

  @Test func guessesOfOneAccountAreLimitedEverywhere() async throws {
    _ = try await auth.signUp()
    for attempt in 0..<10 {
      await #expect(throws: AuthError.wrongCredentials) {
        try await auth.logIn(
          attempt % 2 == 0 ? "ann@example.com" : "ANN@example.com", password: "guess \(attempt)")
      }
    }
    await #expect(throws: AuthError.tooManyAttempts(retryAfter: .seconds(6))) {
      try await auth.logIn()
    }
    // Ten wrong ones hold up unknown devices everywhere, for a while.
    await #expect(throws: AuthError.tooManyAttempts(retryAfter: .seconds(60))) {
      try await auth.logIn(from: CallOrigin(ipAddress: "198.51.100.9"))
    }
    auth.clock.advance(by: .seconds(60))
    _ = try await auth.logIn(from: CallOrigin(ipAddress: "198.51.100.9"))
  }

  @Test func guessesOverManyAccountsAreLimitedPerPlace() async throws {
    for number in 0..<60 {
      await #expect(throws: AuthError.wrongCredentials) {
        try await auth.logIn("user\(number)@example.com")
      }
    }
    await #expect(throws: AuthError.tooManyAttempts(retryAfter: .seconds(1))) {
      try await auth.logIn("another@example.com")
    }
  }

  @Test func aSessionInUseLivesUntilItsMaximumAge() async throws {
    let auth = TestAuth(policy: SessionPolicy(maxAge: .seconds(10 * 86_400)))
    _ = try await auth.signUp()
    let token = try await auth.logIn().token.text
    for _ in 1...3 {
      auth.clock.advance(by: .seconds(3 * 86_400))
      _ = try await auth.service.authenticate(.sessionToken(token), from: TestAuth.origin)
    }
    auth.clock.advance(by: .seconds(86_400))
    await #expect(throws: AuthError.unauthenticated) {
      try await auth.service.authenticate(.sessionToken(token), from: TestAuth.origin)
    }
  }

  @Test func anUnusedSessionEndsEarly() async throws {
    _ = try await auth.signUp()
    let token = try await auth.logIn().token.text
    auth.clock.advance(by: SessionPolicy.idleTimeMax)
    await #expect(throws: AuthError.unauthenticated) {
      try await auth.service.authenticate(.sessionToken(token), from: TestAuth.origin)
    }
  }

  @Test func beingSeenIsWrittenOncePerInterval() async throws {
    _ = try await auth.signUp()
    let token = try await auth.logIn().token.text
    for _ in 1...5 {
      _ = try await auth.service.authenticate(.sessionToken(token), from: TestAuth.origin)
    }
    #expect(auth.store.noteCount == 0)
    auth.clock.advance(by: .seconds(60))
    for _ in 1...5 {
      _ = try await auth.service.authenticate(.sessionToken(token), from: TestAuth.origin)
    }
    #expect(auth.store.noteCount == 1)
  }

  @Test func aLogOutEndsTheSessionOnce() async throws {
    let account = try await auth.signUp()
    let started = try await auth.logIn()
    let caller = auth.caller(account, .session(started.session.id))
    try await auth.service.deleteCurrentSession(of: caller, from: TestAuth.origin)
    await #expect(throws: AuthError.unauthenticated) {
      try await auth.service.authenticate(.sessionToken(started.token.text), from: TestAuth.origin)
    }
    try await auth.service.deleteCurrentSession(of: caller, from: TestAuth.origin)
    #expect(auth.store.receipts.count { $0.action == .sessionDelete } == 1)
  }

  @Test func onlyASessionCanBeEnded() async throws {
    let account = try await auth.signUp()
    await #expect(throws: AuthError.denied(.wrongCredential)) {
      try await auth.service.deleteCurrentSession(
        of: auth.caller(account, .accessToken(UUID())), from: TestAuth.origin)
    }
  }

  @Test(arguments: ["", "chs_", "chs_short", "chat_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"])
  func anythingElseIsNoSessionToken(_ text: String) async throws {
    await #expect(throws: AuthError.unauthenticated) {
      try await auth.service.authenticate(
        .sessionToken(SecretBytes(utf8: text)), from: TestAuth.origin)
    }
  }

  @Test func oldSessionsEndWhenThereAreTooMany() async throws {
    let auth = TestAuth(rates: .generous)
    _ = try await auth.signUp()
    var tokens: [SecretBytes] = []
    for _ in 0...AuthService.sessionsPerAccountMax {
      auth.clock.advance(by: .seconds(1))
      tokens.append(try await auth.logIn().token.text)
    }
    await #expect(throws: AuthError.unauthenticated) {
      try await auth.service.authenticate(.sessionToken(tokens[0]), from: TestAuth.origin)
    }
    _ = try await auth.service.authenticate(.sessionToken(tokens[1]), from: TestAuth.origin)
  }

  @Test func sessionsThatAreOverAreForgotten() async throws {
    _ = try await auth.signUp()
    _ = try await auth.logIn()
    auth.clock.advance(by: SessionPolicy.idleTimeMax - .seconds(1))
    let kept = try await auth.logIn()
    auth.clock.advance(by: .seconds(1))
    #expect(try await auth.service.removeEndedSessions() == 1)
    #expect(auth.store.sessionTokenHashes == [kept.token.storageHash])
  }

  @Test func aLogInStrengthensAWeakHash() async throws {
    let account = try await auth.signUp()
    let weak = PasswordHasher(
      parameters: PasswordHasher.Parameters(memoryKiB: 32, iterations: 1, parallelism: 1))
    let old = try weak.hash(SecretBytes(utf8: TestAuth.password))
    auth.store.setPasswordHash(old, of: account.id)
    _ = try await auth.logIn()
    #expect(auth.store.passwordHash(of: account.id) != old)
    _ = try await auth.logIn()
  }

  @Test func aPasswordOfAnotherApplicationLetsInAndIsHashedAnew() async throws {
    let account = try await auth.signUp()
    auth.store.setPasswordHash(
      "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", of: account.id)
    await #expect(throws: AuthError.wrongCredentials) { try await auth.logIn(password: "U*V") }
    _ = try await auth.logIn(password: "U*U")
    #expect(auth.store.passwordHash(of: account.id)?.hasPrefix("$argon2id$") == true)
    _ = try await auth.logIn(password: "U*U")
  }
}

extension AttemptLimits.Rates {
  /// For tests of something else.
  static var generous: AttemptLimits.Rates {
    var rates = AttemptLimits.Rates()
    rates.logInsPerAccount = AttemptRate(10_000, per: .seconds(1))
    rates.logInsPerSource = AttemptRate(10_000, per: .seconds(1))
    rates.signUpsPerSource = AttemptRate(10_000, per: .seconds(1))
    return rates
  }
}
