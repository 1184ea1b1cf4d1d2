import Testing

@testable import Postgres

/// What one statement that waits, or takes too long, does to the others.
@Suite(.timeLimit(.minutes(1))) struct LockTests {
  /// A table with one row, and a transaction of somebody else that holds the row while `body` runs.
  private func withLockedRow(
    adjusting adjust: (inout PostgresConfiguration) -> Void = { _ in },
    _ body: (PostgresClient) async throws -> Void
  ) async throws {
    try await withClient(adjusting: adjust) { client in
      try await client.execute("CREATE TABLE tokens (id int PRIMARY KEY, uses int)")
      try await client.execute("INSERT INTO tokens VALUES (1, 0), (2, 0)")
      try await client.transaction { holder in
        try await holder.execute("UPDATE tokens SET uses = uses + 1 WHERE id = 1")
        try await body(client)
      }
    }
  }

  @Test(
    arguments: [
      ("SELECT 1", true), ("SELECT a FROM b WHERE c = 'FORMER'", true),
      ("SELECT a FROM b FOR UPDATE", false), ("SELECT pg_advisory_xact_lock(1)", false),
      ("SELECT nextval('a')", false), ("INSERT INTO a VALUES (1)", false),
      ("WITH a AS (DELETE FROM b RETURNING c) SELECT c FROM a", false),
    ] as [(PostgresQuery, Bool)])
  func onlyWhatTakesNoLockOfARowIsARead(query: PostgresQuery, isRead: Bool) {
    #expect(query.isRead == isRead)
  }

  @Test func aWriteThatWaitsForALockDelaysNoRead() async throws {
    // One for the transaction that holds the row, and two more.
    try await withLockedRow(adjusting: {
      $0.connectionsMax = 3
      $0.lockTimeout = .seconds(30)
    }) { client in
      let write = Task { try await client.execute("UPDATE tokens SET uses = 7 WHERE id = 1") }
      // Once the write is on its way every read finds another connection.
      while try await isAnybodyWaiting(client) == false {}
      for _ in 0..<200 { try await client.expectAnswer() }
      write.cancel()
    }
  }

  @Test func aLockIsWaitedForOnlySoLong() async throws {
    try await withLockedRow(adjusting: { $0.lockTimeout = .milliseconds(100) }) { client in
      let error = await #expect(throws: PostgresError.self) {
        try await client.execute("UPDATE tokens SET uses = 7 WHERE id = 1")
      }
      guard case .server(let answer)? = error else {
        return #expect(Bool(false), "\(String(describing: error))")
      }
      #expect(answer.sqlState == .lockNotAvailable)
      #expect(error?.kind == .unavailable)
    }
  }

  @Test func aStatementThatTakesTooLongIsEndedAndTheOthersOnItsConnectionGoOn() async throws {
    try await withClient(adjusting: { $0.connectionsMax = 1 }) { client in
      let before = try await backend(client)
      async let slow: Void = {
        await #expect(throws: PostgresError.timeout(.answer)) {
          try await client.execute("SELECT pg_sleep(60)", timeout: .milliseconds(300))
        }
      }()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<100 { group.addTask { try await client.expectAnswer() } }
        try await group.waitForAll()
      }
      await slow
      #expect(try await backend(client) == before)
    }
  }

  private func isAnybodyWaiting(_ client: PostgresClient) async throws -> Bool? {
    try await client.first(
      "SELECT count(*) > 0 AS waits FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    ) { row throws(PostgresError) in try row.decode("waits", as: Bool.self) }
  }

  private func backend(_ client: PostgresClient) async throws -> Int? {
    try await client.first("SELECT pg_backend_pid() AS id") {
      row throws(PostgresError) in try row.decode("id", as: Int.self)
    }
  }
}
