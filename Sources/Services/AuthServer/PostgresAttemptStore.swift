import Auth
import Cryptography
import FoundationEssentials
import Postgres

/// Counts attempts in the database, which every process of `auth` shares.
struct PostgresAttemptStore: AttemptStore, PostgresStore {
  typealias Failure = AuthError

  let postgres: PostgresClient

  /// Names hold addresses of people and machines: the tables have digests, as long as a UUID.
  private static func digest(_ text: String) -> UUID {
    SHA256Digest.hash(Array(text.utf8)).withUnsafeBytes {
      UUID(uuid: $0.loadUnaligned(as: uuid_t.self))
    }
  }

  private static let nobody = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))

  func take(_ attempts: [Attempt], at now: Date) async throws(AuthError) -> Duration? {
    let keys = attempts.map { Self.digest($0.name) }
    let subjects = attempts.map { $0.subject.map(Self.digest) ?? Self.nobody }
    let intervals = attempts.map { attempt in
      max(1, Int(exactly: (attempt.rate.interval / .microseconds(1)).rounded()) ?? .max)
    }
    let bursts = attempts.map(\.rate.count)
    let seconds = try await query { postgres throws(PostgresError) -> Double? in
      try await postgres.first(
        """
        SELECT take_attempts(\(keys), \(subjects), \(intervals), \(bursts), \(now)) AS wait
        """
      ) { row throws(PostgresError) -> Double? in try row.decode("wait") }.flatMap { $0 }
    }
    return seconds.map { seconds in
      .milliseconds(max(1, Int64(exactly: (seconds * 1000).rounded()) ?? .max))
    }
  }

  func noteFailure(of subject: String, at now: Date) async throws(AuthError) -> Int {
    let memory = AttemptLimits.failureMemory / .seconds(1)
    let (most, least) = (AttemptLimits.holdMax / .seconds(1), AttemptLimits.holdMin / .seconds(1))
    let count = try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        INSERT INTO log_in_failures AS f (subject, count, last_time, hold_end)
        VALUES (\(Self.digest(subject)), 1, \(now), '-infinity')
            ON CONFLICT (subject) DO UPDATE
           SET count = CASE WHEN f.last_time < \(now) - \(memory) * interval '1 second' THEN 1
                            ELSE f.count + 1 END,
               last_time = \(now),
               hold_end = CASE
                 WHEN f.last_time < \(now) - \(memory) * interval '1 second'
                   OR f.count + 1 < \(AttemptLimits.failuresMax) THEN f.hold_end
                 ELSE \(now) + interval '1 second' * least(
                   \(most),
                   \(least) * 2.0 ^ least(16, f.count + 1 - \(AttemptLimits.failuresMax)))
               END
        RETURNING count
        """
      ) { row throws(PostgresError) in try row.decode("count", as: Int.self) }
    }
    return count ?? 1
  }

  func holdEnd(of subject: String, at now: Date) async throws(AuthError) -> Date? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT hold_end FROM log_in_failures
         WHERE subject = \(Self.digest(subject)) AND hold_end > \(now)
        """
      ) { row throws(PostgresError) in try row.decode("hold_end", as: Date.self) }
    }
  }

  func forgive(_ subject: String) async throws(AuthError) {
    let subject = Self.digest(subject)
    try await transaction { transaction in
      try await transaction.execute("DELETE FROM log_in_failures WHERE subject = \(subject)")
      try await transaction.execute("DELETE FROM attempts WHERE subject = \(subject)")
    }
  }

  func sweep(at now: Date) async throws(AuthError) {
    _ = try await sweep(Leftovers.attemptsForgiven(at: now))
    let memory = AttemptLimits.failureMemory / .seconds(1)
    _ = try await sweep(Leftovers.failuresForgotten(since: now.addingTimeInterval(-memory)))
  }
}
