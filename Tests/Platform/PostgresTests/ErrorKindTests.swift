import Postgres
import TestSupport
import Testing

@Suite struct ErrorKindTests {
  @Test(arguments: [
    (PostgresError.cancelled, PostgresError.Kind.cancelled),
    (.storageFull, .storageFull), (.connectionFailed(detail: ""), .unavailable),
    (.connectionClosed, .unavailable), (.timeout(.answer), .unavailable),
    (.timeout(.connection), .unavailable), (.poolExhausted, .unavailable),
    (.shuttingDown, .unavailable), (.decoding(column: "", detail: ""), .broken),
    (.queryTooLarge(detail: ""), .broken), (.transactionAborted, .broken),
    (.transactionEnded, .broken),
  ])
  func eachErrorHasItsKind(error: PostgresError, kind: PostgresError.Kind) {
    #expect(error.kind == kind)
  }

  @Test(arguments: [
    ("40001", PostgresError.Kind.unavailable), ("53300", .unavailable), ("55P03", .unavailable),
    ("57P04", .unavailable), ("58030", .unavailable), ("25006", .unavailable),
    ("22012", .broken), ("23505", .broken), ("42P01", .broken), ("42501", .broken),
    ("XX000", .broken),
  ])
  func whatTheServerSaysPassesOrNot(state: String, kind: PostgresError.Kind) async throws {
    try await withClient { client in
      try await client.execute(
        """
        CREATE FUNCTION fail(state text) RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = state; END $$
        """)
      do throws(PostgresError) {
        _ = try await client.rows("SELECT fail(\(state))")
        Issue.record("it succeeded")
      } catch {
        #expect(error.kind == kind)
      }
    }
  }
}
