import FoundationEssentials
import Identity
import Postgres
import Vault

/// What uses tell of keys.
extension PostgresVaultStore {
  /// What a provider says again is noted again when it is older than this.
  private static let healthPrecisionSeconds = 60.0

  /// Notes what providers said to keys, all of it at `time`; returns the configurations that went
  /// into quarantine by it.
  ///
  /// One that says the same as a moment ago is left as it is, and one that is being changed is
  /// skipped: its next use will be noted. What is told of a key that its configuration has no more
  /// is left out.
  static func note(
    _ health: [KeyHealthChange], _ rule: QuarantineRule, at time: Date,
    in transaction: PostgresTransaction
  ) async throws(PostgresError) -> [ProviderConfig] {
    var quarantined: [ProviderConfig] = []
    let accepted = Array(Set(health.filter(\.isAccepted).map(\.configID)))
    // A statement changes a row once: keys of one configuration come in different ones.
    var rest = health
    while !rest.isEmpty {
      var (round, later): ([UUID: KeyHealthChange], [KeyHealthChange]) = ([:], [])
      for change in rest {
        if round[change.configID] == nil {
          round[change.configID] = change
        } else {
          later.append(change)
        }
      }
      quarantined += try await note(
        round: Array(round.values), accepted: accepted, rule, at: time, in: transaction)
      rest = later
    }
    return quarantined
  }

  /// - Parameter accepted: the configurations of which a provider took a key, whichever.
  private static func note(
    round health: [KeyHealthChange], accepted: [UUID], _ rule: QuarantineRule, at time: Date,
    in transaction: PostgresTransaction
  ) async throws(PostgresError) -> [ProviderConfig] {
    let failures = health.map { $0.lastFailure?.rawValue ?? "" }
    return try await transaction.all(
      """
      WITH told AS (
        SELECT t.* FROM unnest(\(health.map(\.configID)), \(health.map(\.userID.uuid)),
                               \(health.map(\.keyVersion)), \(health.map(\.status)),
                               \(health.map(\.refusals)), \(health.map(\.isAccepted)),
                               \(health.map(\.failures)), \(health.map(\.isGood)), \(failures))
                     AS t (id, user_id, key_version, status, refusals, is_accepted, failures,
                           is_good, last_failure)
      ), noted AS (
        SELECT c.id, c.quarantine_time,
               -- Of two keys the first one's refusals count, while the other isn't taken either.
               CASE WHEN t.key_version = c.second_key_version
                    THEN CASE WHEN t.is_accepted THEN 0 ELSE c.consecutive_refusals END
                    WHEN c.second_key IS NOT NULL AND c.id = ANY(\(accepted)) THEN 0
                    WHEN t.is_accepted THEN t.refusals
                    ELSE c.consecutive_refusals + t.refusals END
                 AS refusals
          FROM provider_configs AS c JOIN told AS t USING (id, user_id)
         WHERE t.key_version IN (0, c.key_version, c.second_key_version)
           AND (t.status > 0 AND c.last_status IS DISTINCT FROM t.status OR t.failures > 0
                OR t.is_good AND c.consecutive_failures > 0
                OR c.last_answer_time < \(time.addingTimeInterval(-healthPrecisionSeconds)))
           FOR UPDATE OF c SKIP LOCKED
      ), changed AS (
        UPDATE provider_configs AS c
           SET last_status = CASE WHEN t.status > 0 THEN t.status ELSE c.last_status END,
               last_answer_time = \(time),
               consecutive_refusals = n.refusals,
               last_good_time = CASE WHEN t.is_good THEN \(time) ELSE c.last_good_time END,
               last_failure_time =
                 CASE WHEN t.last_failure <> '' THEN \(time) ELSE c.last_failure_time END,
               last_failure =
                 CASE WHEN t.last_failure <> '' THEN t.last_failure ELSE c.last_failure END,
               consecutive_failures =
                 CASE WHEN t.is_good THEN 0 ELSE c.consecutive_failures END + t.failures,
               fallback_time =
                 CASE WHEN t.refusals = 0 THEN c.fallback_time
                      WHEN t.key_version = c.second_key_version THEN NULL
                      WHEN c.second_key IS NOT NULL
                           AND coalesce(c.second_end_time > \(time), true)
                      THEN \(time.addingTimeInterval(SecondKey.fallbackSeconds))
                      ELSE NULL END,
               quarantine_time =
                 CASE WHEN c.quarantine_time IS NULL AND c.enabled AND \(rule.refusalsMax) > 0
                           AND n.refusals >= \(rule.refusalsMax)
                      THEN \(time) ELSE c.quarantine_time END
          FROM told AS t JOIN noted AS n USING (id)
         WHERE c.id = t.id AND c.user_id = t.user_id
         RETURNING c.*
      )
      SELECT \(shownColumns) FROM changed AS c JOIN noted AS n USING (id)
       WHERE c.quarantine_time IS NOT NULL AND n.quarantine_time IS NULL
      """, as: ProviderConfig.init(shown:))
  }
}
