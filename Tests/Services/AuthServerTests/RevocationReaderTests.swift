import Cryptography
import Foundation
import Identity
import Logging
import Outbox
import Postgres
import Receipts
import TestSupport
import Testing
import UseCases

@testable import Auth
@testable import AuthServer

/// What the triggers write and the reader finds, on a real PostgreSQL.
@Suite struct RevocationReaderTests {
  private let now = Date()
  private let postgres: PostgresClient
  private let store: PostgresAuthStore
  private let account: Account
  private let receipt: Receipt

  init() async throws {
    let database = try await ServiceDatabase(schema: "auth", migrations: AuthSchema.migrations)
    postgres = database.postgres
    store = PostgresAuthStore(
      postgres: postgres, outbox: PostgresOutbox(),
      uses: UseNotes(
        postgres: postgres, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
      mails: MailQueue(), codes: try AccountKeys.forTests.codes)
    account = Account(
      id: UserID(UUID()), email: try EmailAddress("ann-\(UUID())@example.com"),
      displayName: try DisplayName("Ann"), createTime: now)
    receipt = Receipt(
      time: now, actor: .user(account.id, email: account.email.text), action: .accountCreate,
      target: .account(account), outcome: .success, origin: CallOrigin(), accountID: account.id)
    _ = try await store.insert(
      NewAccount(account: account, passwordHash: "$argon2id$1", receipt: receipt))
  }

  private func addToken() async throws -> UUID {
    let token = AccessToken(
      id: UUID(), accountID: account.id, name: "laptop", hint: "chat_abcdef", scopes: .standard,
      createTime: now, expireTime: nil)
    try await store.insert(
      token, hash: try SecureRandom.bytes(32), countMax: 99, receipt: receipt)
    return token.id
  }

  private func addSession(
    at time: Date? = nil, endingIn seconds: TimeInterval = 3600, max: Int = 9
  ) async throws -> UUID {
    let session = Session(
      id: UUID(), accountID: account.id, createTime: time ?? now, lastSeenTime: now,
      expireTime: now.addingTimeInterval(seconds), origin: CallOrigin())
    try await store.insert(
      session, tokenHash: try SecureRandom.bytes(32), rehash: nil, sessionsMax: max,
      receipt: receipt)
    return session.id
  }

  private func revoke(_ token: UUID) async throws {
    try await store.deleteAccessToken(token, of: account.id) { _ in receipt }
  }

  private func told(_ id: UUID?) -> Revocation {
    Revocation(accountID: account.id.uuid, credentialID: id)
  }

  /// A reader that has read what there was.
  private func reader() async throws -> RevocationReader {
    var reader = RevocationReader(postgres: postgres)
    _ = try await reader.read()
    return reader
  }

  @Test func everyWayInWhichACredentialEndsIsTold() async throws {
    var reader = try await reader()
    let token = try await addToken()
    let session = try await addSession()
    #expect(try await reader.read().revocations.isEmpty)

    try await revoke(token)
    try await store.deleteSession(session, of: account.id, receipt: receipt)
    #expect(Set(try await reader.read().revocations) == [told(token), told(session)])

    // By a log-in that is one too many.
    let first = try await addSession(max: 1)
    _ = try await addSession(at: now.addingTimeInterval(1), max: 1)
    #expect(try await reader.read().revocations.contains(told(first)))

    let narrowed = try await addToken()
    try await postgres.execute(
      "UPDATE access_tokens SET scope = 'read-audit' WHERE id = \(narrowed)")
    #expect(try await reader.read().revocations == [told(narrowed)])
    try await postgres.execute(
      "UPDATE accounts SET display_name = 'X' WHERE id = \(account.id.uuid)")
    #expect(try await reader.read().revocations == [told(nil)])
    try await postgres.execute("DELETE FROM accounts WHERE id = \(account.id.uuid)")
    #expect(
      Set(try await reader.read().revocations).isSuperset(of: [told(nil), told(narrowed)]))
  }

  @Test func useAndWhatIsOverAreNotTold() async throws {
    let token = try await addToken()
    let session = try await addSession()
    let ended = try await addSession(endingIn: -1)
    var reader = try await reader()
    let later = now.addingTimeInterval(90)
    store.noteUse(accessToken: token, at: later, from: "")
    store.noteSeen(session: session, at: later)
    try await store.uses.write()
    try await postgres.execute(
      "UPDATE accounts SET password_hash = '$argon2id$2' WHERE id = \(account.id.uuid)")
    try await store.deleteSession(ended, of: account.id, receipt: receipt)
    #expect(try await reader.read().revocations.isEmpty)
  }

  @Test func aTransactionThatCommitsLateIsNotMissedAndNoneIsReadTwice() async throws {
    let (early, late) = (try await addToken(), try await addToken())
    var reader = try await reader()
    try await postgres.transaction { transaction in
      try await transaction.execute("DELETE FROM access_tokens WHERE id = \(late)")
      // Has the higher id and commits first.
      try await revoke(early)
      #expect(try await reader.read().revocations == [told(early)])
      #expect(try await reader.read().revocations.isEmpty)
    }
    #expect(try await reader.read().revocations == [told(late)])
    #expect(try await reader.read().revocations.isEmpty)
  }

  @Test func whatIsRolledBackIsNotTold() async throws {
    let token = try await addToken()
    var reader = try await reader()
    struct Regret: Error {}
    await #expect(throws: Regret.self) {
      try await postgres.transaction { transaction in
        try await transaction.execute("DELETE FROM access_tokens WHERE id = \(token)")
        throw Regret()
      }
    }
    #expect(try await reader.read().revocations.isEmpty)
  }

  @Test func anotherReaderGoesOnWhereOneStopped() async throws {
    var reader = try await reader()
    let position = try await reader.read().position
    let token = try await addToken()
    try await revoke(token)
    var next = RevocationReader(postgres: postgres, after: position)
    let reading = try await next.read()
    #expect(reading.revocations.contains(told(token)))
    #expect(!reading.isIncomplete)
  }

  @Test func whoComesTooLateOrFromAnotherDatabaseMustForgetEverything() async throws {
    try await revoke(try await addToken())
    try await RevocationReader.forget(olderThan: .seconds(600), in: postgres)
    var early = RevocationReader(postgres: postgres, after: 1)
    #expect(try await early.read().isIncomplete == false)

    // Other tests' transactions may be open, and hold up what may be deleted.
    var isForgotten = false
    while !isForgotten {
      try await RevocationReader.forget(olderThan: .zero, in: postgres)
      isForgotten = try await postgres.rows("SELECT id FROM revocations").isEmpty
    }
    var late = RevocationReader(postgres: postgres, after: 1)
    #expect(try await late.read().isIncomplete)
    #expect(try await late.read().isIncomplete == false)
    var first = RevocationReader(postgres: postgres)
    #expect(try await first.read().isIncomplete == false)
    var stranger = RevocationReader(postgres: postgres, after: .max / 2)
    #expect(try await stranger.read().isIncomplete)
  }

  @Test func moreNewsThanAWatcherTakesIsToldAsOneWord() async throws {
    var reader = try await reader()
    try await postgres.execute(
      """
      INSERT INTO revocations (account_id)
      SELECT \(account.id.uuid) FROM generate_series(1, \(RevocationReader.newsMax + 1))
      """)
    let reading = try await reader.read()
    #expect(reading.isIncomplete)
    #expect(reading.revocations.isEmpty)
  }
}
