import Postgres
import TestSupport
import Testing

@Suite struct QueryTests {
  @Test func interpolationBindsAndNeverBecomesSQL() async throws {
    let payloads = [
      "'; DROP TABLE victims; --", "\\'; DELETE FROM victims --", "$1", "${1}", "%s", "1 OR 1=1",
      "\u{2019}; SELECT pg_sleep(9)", "/* */", "\"", "😀",
    ]
    try await withClient { client in
      try await client.execute("CREATE TABLE victims (name text NOT NULL)")
      for payload in payloads {
        let query: PostgresQuery = "INSERT INTO victims (name) VALUES (\(payload))"
        #expect(query.sql == "INSERT INTO victims (name) VALUES ($1)")
        #expect(try await client.execute(query) == 1)
        let found = try await client.rows("SELECT name FROM victims WHERE name = \(payload)")
        #expect(found.count == 1)
      }
      let names = try await client.all("SELECT name FROM victims ORDER BY ctid") {
        row throws(PostgresError) in try row.decode("name", as: String.self)
      }
      #expect(names == payloads)
    }
  }

  @Test func aNullCharacterIsTheServersErrorAndCostsNoConnection() async throws {
    try await withClient(adjusting: { $0.connectionsMax = 1 }) { client in
      await #expect(throws: PostgresError.self) { try await client.rows("SELECT \("a\0b")") }
      try await client.expectAnswer()
    }
  }

  @Test func piecesAreNumberedAnew() {
    var query: PostgresQuery = "SELECT \(1), \(2)"
    query += " WHERE a = \("x") AND b = '$1'"
    let nested: PostgresQuery = "WITH q AS (\(query)) SELECT \(true)"
    #expect(query.sql == "SELECT $1, $2 WHERE a = $3 AND b = '$1'")
    #expect(nested.sql == "WITH q AS (SELECT $1, $2 WHERE a = $3 AND b = '$1') SELECT $4")
    #expect(("\(0) \(unsafeRawSQL: "DESC") " as PostgresQuery).sql == "$1 DESC ")
  }

  @Test func aQueryDescribesItselfWithoutItsValues() {
    let query: PostgresQuery = "SELECT \("hunter2")"
    #expect(!"\(query)".contains("hunter2"))
    #expect(!String(reflecting: query).contains("hunter2"))
  }

  @Test func oneBadQueryAmongAHundredFailsAlone() async throws {
    try await withClient(adjusting: { $0.connectionsMax = 1 }) { client in
      let outcomes = await withTaskGroup(of: (Int, Result<Int?, PostgresError>).self) { group in
        for number in 0..<100 {
          group.addTask {
            do throws(PostgresError) {
              let query: PostgresQuery =
                number == 50 ? "SELECT \(number) / 0 AS n" : "SELECT \(number) AS n"
              return (
                number,
                .success(
                  try await client.first(query) { row throws(PostgresError) in
                    try row.decode("n", as: Int.self)
                  })
              )
            } catch {
              return (number, .failure(error))
            }
          }
        }
        return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
      }
      for number in 0..<100 where number != 50 { #expect(outcomes[number] == .success(number)) }
      guard case .failure(.server(let error)) = outcomes[50] else {
        Issue.record("the bad query did not fail: \(String(describing: outcomes[50]))")
        return
      }
      #expect(error.sqlState.rawValue == "22012")
    }
  }

  @Test func aStatementThatCannotBePreparedFailsAloneEachTime() async throws {
    try await withClient(adjusting: { $0.connectionsMax = 1 }) { client in
      for _ in 0..<3 {
        do throws(PostgresError) {
          _ = try await client.rows("SELECT nonsense FROM nowhere")
          Issue.record("it succeeded")
        } catch {
          guard case .server(let error) = error else { throw error }
          #expect(error.sqlState.rawValue == "42P01")
        }
        try await client.expectAnswer()
      }
    }
  }

  @Test func violationsAreTold() async throws {
    try await withClient { client in
      try await client.execute(
        """
        CREATE TABLE people (
          email text CONSTRAINT people_email_key UNIQUE,
          age int CONSTRAINT people_age CHECK (age > 0)
        )
        """)
      try await client.execute("INSERT INTO people VALUES (\("ada@example.org"), 1)")
      do throws(PostgresError) {
        try await client.execute("INSERT INTO people VALUES (\("ada@example.org"), 1)")
        Issue.record("the duplicate was taken")
      } catch {
        #expect(error.isUniqueViolation())
        #expect(error.isUniqueViolation(constraint: "people_email_key"))
        #expect(!error.isUniqueViolation(constraint: "another"))
        #expect(!"\(error)".contains("ada@example.org"))
      }
      do throws(PostgresError) {
        try await client.execute("INSERT INTO people VALUES (NULL, \(-1 as Int32))")
        Issue.record("the negative age was taken")
      } catch {
        #expect(error.isCheckViolation(constraint: "people_age"))
      }
    }
  }

  @Test func aRefusedValueIsNotRepeated() async throws {
    try await withClient { client in
      do throws(PostgresError) {
        _ = try await client.rows("SELECT \("hunter2")::uuid")
        Issue.record("it is a UUID")
      } catch {
        guard case .server(let error) = error else { throw error }
        #expect(error.sqlState.rawValue == "22P02")
        #expect(!"\(error)".contains("hunter2"))
      }
    }
  }

  @Test(arguments: [
    ("53100", PostgresError.storageFull), ("57014", .timeout(.answer)),
  ])
  func conditionsOfTheServerAreToldApart(state: String, expected: PostgresError) async throws {
    try await withClient { client in
      try await client.execute(
        """
        CREATE FUNCTION fail(state text) RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = state; END $$
        """)
      await #expect(throws: expected) { try await client.rows("SELECT fail(\(state))") }
      try await client.expectAnswer()
    }
  }

  @Test func aCachedStatementSurvivesAChangeOfItsTable() async throws {
    try await withClient(adjusting: { $0.connectionsMax = 1 }) { client in
      try await client.execute("CREATE TABLE t (a int)")
      try await client.execute("INSERT INTO t VALUES (1)")
      #expect(try await client.rows("SELECT * FROM t").count == 1)
      try await client.execute("ALTER TABLE t ADD COLUMN b text DEFAULT 'new'")
      let row = try #require(try await client.rows("SELECT * FROM t").first)
      #expect(try row.decode("b", as: String.self) == "new")
    }
  }

  @Test func moreStatementsThanTheCacheHoldsStillRun() async throws {
    try await withClient(adjusting: {
      $0.connectionsMax = 1
      $0.statementCacheMax = 2
    }) { client in
      for _ in 0..<2 {
        #expect(try await client.rows("SELECT 1").count == 1)
        #expect(try await client.rows("SELECT 2").count == 1)
        #expect(try await client.rows("SELECT 3").count == 1)
        #expect(try await client.rows("SELECT 4").count == 1)
      }
      let prepared = try await client.rows("SELECT name FROM pg_prepared_statements")
      // This last one is counted too: what makes room for it goes after it.
      #expect(prepared.count <= 3)
    }
  }

  @Test func affectedRowsAreCounted() async throws {
    try await withClient { client in
      try await client.execute("CREATE TABLE t (a int)")
      #expect(try await client.execute("INSERT INTO t SELECT generate_series(1, 5)") == 5)
      #expect(try await client.execute("UPDATE t SET a = 0 WHERE a > 3") == 2)
      #expect(try await client.execute("DELETE FROM t WHERE a = 9") == 0)
    }
  }
}
