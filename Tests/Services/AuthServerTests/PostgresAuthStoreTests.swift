import Cryptography
import Foundation
import Identity
import Postgres
import Receipts
import ServiceAPI
import Testing
import UseCases

@testable import Auth
@testable import AuthServer

/// The store on a real PostgreSQL, as the run-time role.
@Suite struct PostgresAuthStoreTests {
  private let now = Date(timeIntervalSince1970: 1_800_000_000.125)

  private func account(_ email: String = "ann-\(UUID())@example.com") throws -> Account {
    Account(
      id: UserID(UUID()), email: try EmailAddress(email),
      displayName: try DisplayName("Änn O'Neil\\"), createTime: now)
  }

  private func receipt(_ action: ReceiptAction, of account: Account) -> Receipt {
    Receipt(
      time: now, actor: .user(account.id, email: account.email.text), action: action,
      target: .account(account), outcome: .success, origin: CallOrigin(ipAddress: "192.0.2.7"),
      accountID: account.id)
  }

  private func session(of account: Account, at time: Date) -> Session {
    Session(
      id: UUID(), accountID: account.id, createTime: time, lastSeenTime: time,
      expireTime: time.addingTimeInterval(3600),
      origin: CallOrigin(ipAddress: "192.0.2.7", userAgent: "Firefox", requestID: "r1"))
  }

  private func token(of account: Account, at time: Date, name: String = "laptop") -> AccessToken {
    AccessToken(
      id: UUID(), accountID: account.id, name: name, hint: "chat_abcdef",
      scopes: Scopes([.use, .readAudit]), createTime: time, expireTime: nil)
  }

  private func hash() throws -> [UInt8] { try SecureRandom.bytes(32) }

  private func signUp(_ database: AuthDatabase, _ account: Account) async throws {
    _ = try await database.store.insert(
      NewAccount(
        account: account, passwordHash: "$argon2id$1",
        receipt: receipt(.accountCreate, of: account)))
  }

  @Test func anAccountIsReadAsItWasWritten() async throws {
    let database = try await AuthDatabase.shared()
    let account = try account("Ann-\(UUID())@Example.com")
    try await signUp(database, account)
    #expect(try await database.store.account(account.id) == account)
    let stored = try #require(try await database.store.account(emailKey: account.email.key))
    #expect(stored.account == account)
    #expect(stored.passwordHash == "$argon2id$1")
    #expect(try await database.receipts(of: account).map(\.action) == ["account.create"])
    #expect(try await database.store.account(UserID(UUID())) == nil)
    #expect(try await database.store.account(emailKey: account.email.text) == nil)
  }

  @Test func aTakenAddressLeavesNeitherAccountNorReceipt() async throws {
    let database = try await AuthDatabase.shared()
    let first = try account()
    try await signUp(database, first)
    let second = try account(first.email.text.uppercased())
    await #expect(throws: AuthError.emailTaken) { try await signUp(database, second) }
    #expect(try await database.store.account(second.id) == nil)
    #expect(try await database.receipts(of: second).isEmpty)
  }

  @Test func oneOfManySignUpsAtOnceWins() async throws {
    let database = try await AuthDatabase.shared()
    let email = "race-\(UUID())@example.com"
    let accounts = try (0..<20).map { _ in try account(email) }
    let winners = await withTaskGroup(of: Bool.self) { group in
      for account in accounts {
        group.addTask {
          do {
            try await signUp(database, account)
            return true
          } catch {
            #expect(error as? AuthError == .emailTaken)
            return false
          }
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(winners == 1)
  }

  @Test func aSessionIsFoundByItsTokenAndEndsOnce() async throws {
    let database = try await AuthDatabase.shared()
    let account = try account()
    try await signUp(database, account)
    let session = session(of: account, at: now)
    let hash = try hash()
    try await database.store.insert(
      session, tokenHash: hash, rehash: nil, sessionsMax: 5,
      receipt: receipt(.sessionCreate, of: account))
    let found = try #require(try await database.store.session(tokenHash: hash))
    #expect(found.session == session)
    #expect(found.account == account)

    let end = receipt(.sessionDelete, of: account)
    try await database.store.deleteSession(session.id, of: UserID(UUID()), receipt: end)
    #expect(try await database.store.session(tokenHash: hash) != nil)
    try await database.store.deleteSession(session.id, of: account.id, receipt: end)
    try await database.store.deleteSession(session.id, of: account.id, receipt: end)
    #expect(try await database.store.session(tokenHash: hash) == nil)
    #expect(
      try await database.receipts(of: account).map(\.action)
        == ["account.create", "session.create", "session.delete"])
  }

  @Test func aLogInRemovesSessionsThatAreOverOrTooMany() async throws {
    let database = try await AuthDatabase.shared()
    let account = try account()
    try await signUp(database, account)
    var hashes: [[UInt8]] = []
    for offset in [0.0, 4000, 4001, 4002, 4003] {
      hashes.append(try hash())
      try await database.store.insert(
        session(of: account, at: now.addingTimeInterval(offset)),
        tokenHash: hashes[hashes.count - 1], rehash: nil, sessionsMax: 3,
        receipt: receipt(.sessionCreate, of: account))
    }
    var alive: [Bool] = []
    for hash in hashes { alive.append(try await database.store.session(tokenHash: hash) != nil) }
    #expect(alive == [false, false, true, true, true])
  }

  @Test func aPasswordHashIsReplacedOnlyWhileItIsTheOldOne() async throws {
    let database = try await AuthDatabase.shared()
    let account = try account()
    try await signUp(database, account)
    for (old, new) in [("$argon2id$1", "$argon2id$2"), ("$argon2id$1", "$argon2id$3")] {
      try await database.store.insert(
        session(of: account, at: now), tokenHash: try hash(),
        rehash: PasswordRehash(oldHash: old, newHash: new), sessionsMax: 5,
        receipt: receipt(.sessionCreate, of: account))
    }
    let stored = try await database.store.account(emailKey: account.email.key)
    #expect(stored?.passwordHash == "$argon2id$2")
  }

  @Test func beingSeenIsWrittenAndNeverGoesBack() async throws {
    let database = try await AuthDatabase.shared()
    let account = try account()
    try await signUp(database, account)
    let session = session(of: account, at: now)
    let hash = try hash()
    try await database.store.insert(
      session, tokenHash: hash, rehash: nil, sessionsMax: 5,
      receipt: receipt(.sessionCreate, of: account))
    let later = now.addingTimeInterval(90)
    for time in [later, now] {
      database.store.noteSeen(session: session.id, at: time)
      database.store.noteSeen(session: session.id, at: now)
      try await database.store.uses.write()
    }
    #expect(try await database.store.session(tokenHash: hash)?.session.lastSeenTime == later)
  }

  @Test func sessionsThatAreOverAreRemoved() async throws {
    let database = try await AuthDatabase.shared()
    let account = try account()
    try await signUp(database, account)
    // Long before every session of the other tests.
    let past = Date(timeIntervalSince1970: 1_000_000)
    var hashes: [[UInt8]] = []
    for time in [past, past.addingTimeInterval(1)] {
      hashes.append(try hash())
      try await database.store.insert(
        session(of: account, at: time), tokenHash: hashes[hashes.count - 1], rehash: nil,
        sessionsMax: 5, receipt: receipt(.sessionCreate, of: account))
    }
    #expect(
      try await database.store.deleteSessions(
        overAt: past.addingTimeInterval(3600), orUnseenSince: .distantPast) == 1)
    #expect(try await database.store.session(tokenHash: hashes[0]) == nil)
    #expect(
      try await database.store.deleteSessions(
        overAt: .distantPast, orUnseenSince: past.addingTimeInterval(1)) == 1)
    #expect(try await database.store.session(tokenHash: hashes[1]) == nil)
  }

  @Test func unknownLogInsAreCountedByTheHour() async throws {
    let database = try await AuthDatabase.shared()
    // An hour of its own, so that other tests don't count here.
    let hour = Date(timeIntervalSince1970: 3600 * Double.random(in: 1...100_000).rounded())
    for minute in [0.0, 10, 59] {
      try await database.store.countUnknownLogIn(at: hour.addingTimeInterval(minute * 60))
    }
    try await database.store.countUnknownLogIn(at: hour.addingTimeInterval(3600))
    let attempts = try await database.client.first(
      "SELECT attempts FROM unknown_log_ins WHERE hour = \(hour)"
    ) { row throws(PostgresError) in try row.decode("attempts", as: Int.self) }
    #expect(attempts == 3)
  }

  @Test func anAccessTokenIsReadAsItWasWritten() async throws {
    let database = try await AuthDatabase.shared()
    let account = try account()
    try await signUp(database, account)
    let token = token(of: account, at: now)
    let hash = try hash()
    try await database.store.insert(
      token, hash: hash, countMax: 5, receipt: receipt(.accessTokenCreate, of: account))
    let found = try #require(try await database.store.accessToken(hash: hash))
    #expect(found.token == token)
    #expect(found.account == account)

    let use = now.addingTimeInterval(90)
    for time in [use, now] {
      database.store.noteUse(accessToken: token.id, at: time, from: "192.0.2.9")
      database.store.noteUse(accessToken: token.id, at: now, from: "192.0.2.8")
      try await database.store.uses.write()
    }
    #expect(try await database.store.accessToken(hash: hash)?.token.lastUseTime == use)
  }

  @Test func accessTokensOfAnotherAreNotThere() async throws {
    let database = try await AuthDatabase.shared()
    let (owner, stranger) = (try account(), try account())
    try await signUp(database, owner)
    try await signUp(database, stranger)
    let token = token(of: owner, at: now)
    let hash = try hash()
    try await database.store.insert(
      token, hash: hash, countMax: 5, receipt: receipt(.accessTokenCreate, of: owner))
    let end = receipt(.accessTokenDelete, of: owner)
    await #expect(throws: AuthError.notFound) {
      try await database.store.deleteAccessToken(token.id, of: stranger.id) { _ in end }
    }
    #expect(
      try await database.store.accessTokens(
        of: stranger.id, derivedFrom: nil, behind: nil, limit: 9
      ).isEmpty)
    try await database.store.deleteAccessToken(token.id, of: owner.id) { deleted in
      #expect(deleted == token)
      return end
    }
    #expect(try await database.store.accessToken(hash: hash) == nil)
    #expect(try await database.receipts(of: stranger).map(\.action) == ["account.create"])
  }

  @Test func pagesContinueWhereTheLastOneEnded() async throws {
    let database = try await AuthDatabase.shared()
    let account = try account()
    try await signUp(database, account)
    for number in 0..<6 {
      try await database.store.insert(
        // Pairs share a moment, so that the id has to decide.
        token(of: account, at: now.addingTimeInterval(Double(number / 2)), name: "\(number)"),
        hash: try hash(), countMax: 9, receipt: receipt(.accessTokenCreate, of: account))
    }
    var names: [String] = []
    var position: PagePosition?
    while true {
      let page = try await database.store.accessTokens(
        of: account.id, derivedFrom: nil, behind: position, limit: 2)
      guard let last = page.last else { break }
      names += page.map(\.name)
      // Through its text, as a caller would send it back.
      position = PagePosition(time: last.createTime, id: last.id)
    }
    #expect(names.sorted() == ["0", "1", "2", "3", "4", "5"])
    #expect(Set(names.prefix(2)) == ["4", "5"])
  }

  @Test func theNumberOfAccessTokensHoldsForCreationsAtOnce() async throws {
    let database = try await AuthDatabase.shared()
    let account = try account()
    try await signUp(database, account)
    let hashes = try (0..<12).map { _ in try hash() }
    let created = await withTaskGroup(of: Bool.self) { group in
      for hash in hashes {
        group.addTask {
          do throws(AuthError) {
            try await database.store.insert(
              token(of: account, at: now), hash: hash, countMax: 5,
              receipt: receipt(.accessTokenCreate, of: account))
            return true
          } catch {
            #expect(error == .tooManyAccessTokens)
            return false
          }
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(created == 5)
  }

  @Test func theRunTimeRoleCannotChangeTheSchema() async throws {
    let database = try await AuthDatabase.shared()
    await #expect(throws: PostgresError.self) {
      try await database.client.execute("ALTER TABLE accounts ADD COLUMN extra text")
    }
    await #expect(throws: PostgresError.self) {
      try await database.client.execute("DELETE FROM erasures")
    }
  }

  @Test func hostileTextIsJustText() async throws {
    let database = try await AuthDatabase.shared()
    let account = try account("o'neil.--drop\(Int.random(in: 0..<Int.max))@example.com")
    try await signUp(database, account)
    #expect(try await database.store.account(account.id) == account)
    #expect(try await database.store.account(emailKey: "' OR 1=1 --") == nil)
  }
}
