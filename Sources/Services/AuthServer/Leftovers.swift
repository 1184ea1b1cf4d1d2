import Auth
import FoundationEssentials
import Postgres

/// What is over and nobody can use any more, a batch at a time, each found by an index: a sweep
/// of a table that has grown for a year holds up nobody for longer than a batch takes.
enum Leftovers {
  /// Rows that one statement deletes.
  static let batchMax = 1_000
  /// Batches of one kind and sweep; the rest waits for the next one.
  static let batchesMax = 10_000

  static func sessionsOver(at now: Date) -> PostgresQuery {
    batch(of: "sessions", key: "id", where: "expire_time <= \(now)", by: "expire_time")
  }

  static func sessionsUnseen(since threshold: Date) -> PostgresQuery {
    batch(
      of: "sessions", key: "id", where: "last_seen_time <= \(threshold)", by: "last_seen_time")
  }

  /// Those of one's own since `threshold`: their owner may wonder where they are.
  static func accessTokensOver(at now: Date, ownSince threshold: Date) -> PostgresQuery {
    batch(
      of: "access_tokens", key: "id",
      where: """
        expire_time <= \(now) AND (depth > 0 OR expire_time <= \(threshold))
        """, by: "expire_time")
  }

  static func linksOver(at now: Date) -> PostgresQuery {
    batch(of: "links", key: "token_hash", where: "expire_time <= \(now)", by: "expire_time")
  }

  static func attemptsForgiven(at now: Date) -> PostgresQuery {
    batch(of: "attempts", key: "key", where: "full_time <= \(now)", by: "full_time")
  }

  static func failuresForgotten(since threshold: Date) -> PostgresQuery {
    batch(
      of: "log_in_failures", key: "subject", where: "last_time < \(threshold)", by: "last_time")
  }

  static func unknownLogIns(before threshold: Date) -> PostgresQuery {
    batch(of: "unknown_log_ins", key: "hour", where: "hour < \(threshold)", by: "hour")
  }

  /// Rows that somebody else is at are left to them, or to the next sweep.
  private static func batch(
    of table: PostgresQuery, key: PostgresQuery, where condition: PostgresQuery,
    by order: PostgresQuery
  ) -> PostgresQuery {
    """
    DELETE FROM \(table) WHERE \(key) = ANY(ARRAY(
      SELECT \(key) FROM \(table) WHERE \(condition)
       ORDER BY \(order) LIMIT \(batchMax) FOR UPDATE SKIP LOCKED))
    """
  }
}

extension PostgresStore {
  /// Deletes batch after batch until one isn't full; returns how many rows there were.
  func sweep(_ batch: PostgresQuery) async throws(Failure) -> Int {
    var total = 0
    for _ in 0..<Leftovers.batchesMax {
      let count = try await query { postgres throws(PostgresError) in
        try await postgres.execute(batch)
      }
      total += count
      if count < Leftovers.batchMax || Task.isCancelled { break }
    }
    return total
  }
}
