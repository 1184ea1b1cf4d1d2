import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import Auth
@testable import AuthServer

/// What is over goes: by an index, in bounded batches.
@Suite struct SweepTests {
  private static let rowCount = 2_500

  private func fill(_ bench: AuthBench) async throws {
    let database = bench.database.superuser
    let account = UUID()
    try await database.execute(
      """
      INSERT INTO auth.accounts (id, email, email_key, display_name, password_hash, create_time)
      VALUES (\(account), 'a@example.com', 'a@example.com', '', '', now())
      """)
    // Of each kind as many that are over, and ten times as many that are not.
    let ages: PostgresQuery = """
      SELECT n, now() + CASE WHEN n % 11 = 0 THEN -interval '40 days' ELSE interval '40 days' END
                      + n * interval '1 second' AS time
        FROM generate_series(1, \(11 * Self.rowCount)::int) AS n
      """
    try await database.execute(
      """
      INSERT INTO auth.sessions (id, account_id, token_hash, create_time, last_seen_time,
                                 expire_time, ip_address, user_agent, request_id)
      SELECT gen_random_uuid(), \(account), sha256(n::text::bytea), now(), least(time, now()), time,
             '', '', '' FROM (\(ages)) AS a
      """)
    try await database.execute(
      """
      INSERT INTO auth.access_tokens (id, account_id, name, hint, token_hash, create_time,
                                      expire_time)
      SELECT gen_random_uuid(), \(account), '', '', sha256(n::text::bytea), now(), time
        FROM (\(ages)) AS a
      """)
    try await database.execute(
      """
      INSERT INTO auth.links (token_hash, purpose, account_id, email, email_key, create_time,
                              expire_time)
      SELECT sha256(n::text::bytea), 'unlock', \(account), '', '', now(), time
        FROM (\(ages)) AS a
      """)
    try await database.execute(
      """
      INSERT INTO auth.attempts (key, full_time) SELECT gen_random_uuid(), time FROM (\(ages)) AS a
      """)
    try await database.execute(
      """
      INSERT INTO auth.log_in_failures (subject, count, last_time, hold_end)
      SELECT gen_random_uuid(), 1, time, time FROM (\(ages)) AS a
      """)
    try await database.execute("ANALYZE")
  }

  private static func sweeps(at now: Date) -> [(name: String, index: String, sweep: PostgresQuery)]
  {
    [
      ("sessions", "sessions_by_end", Leftovers.sessionsOver(at: now)),
      (
        "sessions", "sessions_by_last_seen",
        Leftovers.sessionsUnseen(since: now.addingTimeInterval(-86_400))
      ),
      (
        "access_tokens", "access_tokens_by_end",
        Leftovers.accessTokensOver(at: now, ownSince: now.addingTimeInterval(-7 * 86_400))
      ),
      ("links", "links_by_end", Leftovers.linksOver(at: now)),
      ("attempts", "attempts_by_end", Leftovers.attemptsForgiven(at: now)),
      (
        "log_in_failures", "log_in_failures_by_time",
        Leftovers.failuresForgotten(since: now.addingTimeInterval(-86_400))
      ),
    ]
  }

  @Test func whatIsOverIsFoundByAnIndexAndNoRowIsReadThatStays() async throws {
    let bench = try await AuthBench()
    try await fill(bench)
    for (name, index, sweep) in Self.sweeps(at: Date()) {
      let plan = try await bench.database.postgres.all("EXPLAIN \(sweep)") {
        row throws(PostgresError) in try row.decode(0, as: String.self)
      }.joined(separator: "\n")
      #expect(plan.contains(index), "\(name): \(plan)")
      #expect(!plan.contains("Seq Scan on \(name)"), "\(name): \(plan)")
    }
  }

  @Test func aSweepOfManyRowsGoesInBoundedBatchesAndLeavesTheRest() async throws {
    let bench = try await AuthBench()
    try await fill(bench)
    let postgres = bench.database.postgres
    for (name, _, sweep) in Self.sweeps(at: Date()) where name != "sessions" {
      var batches: [Int] = []
      repeat { batches.append(try await postgres.execute(sweep)) } while batches.last != 0
      #expect(batches == [1_000, 1_000, 500, 0], "\(name)")
    }
    #expect(try await bench.sweepSessions() == Self.rowCount)
    let left = try await postgres.first(
      """
      SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM access_tokens)
             + (SELECT count(*) FROM links) + (SELECT count(*) FROM attempts)
             + (SELECT count(*) FROM log_in_failures) AS count
      """
    ) { row throws(PostgresError) in try row.decode("count", as: Int.self) }
    #expect(left == 5 * 10 * Self.rowCount)
    // What was over was refused already: nobody is told of it again.
    #expect(try await bench.revocationCount() == 0)
  }

  @Test func aTokenThatIsOverIsShownForAWeek() async throws {
    let bench = try await AuthBench()
    try await fill(bench)
    let postgres = bench.database.postgres
    try await postgres.execute(
      "UPDATE access_tokens SET expire_time = now() - interval '6 days' WHERE expire_time < now()")
    let now = Date()
    let sweep = Leftovers.accessTokensOver(at: now, ownSince: now.addingTimeInterval(-7 * 86_400))
    #expect(try await postgres.execute(sweep) == 0)
    try await postgres.execute(
      "UPDATE access_tokens SET depth = 1 WHERE expire_time < now()")
    #expect(try await postgres.execute(sweep) == Leftovers.batchMax)
  }
}
