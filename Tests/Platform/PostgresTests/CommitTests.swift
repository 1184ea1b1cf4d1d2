import Postgres
import TestSupport
import Testing

/// A statement outside a transaction is committed after it has been answered, so its success must
/// not be told before that.
@Suite struct CommitTests {
  /// Has rows named `bad` fail when their transaction commits.
  private func withDeferredTrigger(
    _ action: StaticString = "RAISE EXCEPTION 'commit refused'",
    _ body: (PostgresClient) async throws -> Void
  ) async throws {
    try await withClient(adjusting: { $0.connectionsMax = 1 }) { client async throws in
      try await client.execute("CREATE TABLE entries (name text NOT NULL)")
      try await client.execute(
        """
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN \(unsafeRawSQL: action); RETURN NULL; END $$
        """)
      try await client.execute(
        """
        CREATE CONSTRAINT TRIGGER failing AFTER INSERT ON entries
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.name = 'bad')
        EXECUTE FUNCTION fail()
        """)
      try await body(client)
    }
  }

  private func insert(_ name: String, _ client: PostgresClient) async -> PostgresError? {
    do throws(PostgresError) {
      try await client.execute("INSERT INTO entries (name) VALUES (\(name))")
      return nil
    } catch {
      return error
    }
  }

  private func entries(_ client: PostgresClient) async throws -> Int {
    try await client.first("SELECT count(*) FROM entries") {
      row throws(PostgresError) in try row.decode(0)
    } ?? -1
  }

  @Test func aStatementWhoseCommitFailsHasFailed() async throws {
    try await withDeferredTrigger { client async throws in
      for _ in 0..<5 {
        guard case .server(let error) = await insert("bad", client) else {
          Issue.record("it succeeded")
          return
        }
        #expect(error.message == "commit refused")
        // The connection lives on and is in step.
        #expect(await insert("good", client) == nil)
      }
      #expect(try await entries(client) == 5)
    }
  }

  @Test func failingCommitsInAPipelineFailTheirOwnStatementsOnly() async throws {
    try await withDeferredTrigger { client async throws in
      let failed = await withTaskGroup(of: (Int, Bool).self) { group in
        for number in 0..<200 {
          group.addTask {
            (number, await insert(number.isMultiple(of: 7) ? "bad" : "good", client) != nil)
          }
        }
        return await group.reduce(into: Set<Int>()) { if $1.1 { $0.insert($1.0) } }
      }
      #expect(failed == Set(stride(from: 0, to: 200, by: 7)))
      #expect(try await entries(client) == 200 - failed.count)
    }
  }

  @Test func aConnectionThatIsLostAtTheCommitMakesNoSuccess() async throws {
    try await withDeferredTrigger("PERFORM pg_terminate_backend(pg_backend_pid())") {
      client async throws in
      for _ in 0..<5 { #expect(await insert("bad", client) == .connectionClosed) }
      try await pingUntilItAnswers(client)
      #expect(try await entries(client) == 0)
    }
  }

  @Test func aFailingCommitOfATransactionIsTheTransactionsFailure() async throws {
    try await withDeferredTrigger { client async throws in
      await #expect(throws: PostgresError.self) {
        try await client.transaction {
          _ = try await $0.execute("INSERT INTO entries (name) VALUES ('bad')")
        }
      }
      #expect(try await entries(client) == 0)
      #expect(await insert("good", client) == nil)
    }
  }

  /// The answer of a commit that waits for a standby has nothing left to come but the commit.
  @Test func aCommitThatNeverEndsCostsNoCallerMoreThanItsDeadline() async throws {
    let postgres = TestPostgres()
    try await withClient(on: postgres, adjusting: { $0.connectionsMax = 1 }) {
      client async throws in
      try await client.execute("SET synchronous_commit = on")
      try await client.execute("CREATE TABLE entries (name text NOT NULL)")
      try await client.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
      _ = try await client.rows("SELECT pg_reload_conf()")
      await #expect(throws: PostgresError.timeout(.answer)) {
        for _ in 0..<1_000 {
          try await client.execute(
            "INSERT INTO entries (name) VALUES ('waits')", timeout: .milliseconds(500))
        }
      }
    }
  }
}
