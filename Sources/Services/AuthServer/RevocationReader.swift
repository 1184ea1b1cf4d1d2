import FoundationEssentials
import Postgres

/// A credential that stopped being valid before its end.
struct Revocation: Sendable, Hashable {
  let accountID: UUID
  /// Nil: every credential of the account.
  let credentialID: UUID?
}

/// What one look at the table has brought.
struct RevocationReading: Sendable {
  /// Where another reader may go on.
  let position: Int64
  /// Some are not there any more, or there are too many: whoever keeps anything must forget it all.
  let isIncomplete: Bool
  /// In no particular order.
  let revocations: [Revocation]
}

/// Reads the table `revocations` from a position on, each row once.
///
/// A position is a transaction id below which every transaction has ended: ids of rows are no good,
/// since a transaction may commit after another that has higher ones. What lies above it is read
/// again, and told apart by its id, until no transaction from before is under way.
struct RevocationReader: Sendable {
  /// Rows that one look may bring, 1.6 MB as an answer; at more, forgetting everything is cheaper.
  static let newsMax = 20_000
  /// How long one look may take; the watcher would take longer for silence.
  static let timeout: Duration = .seconds(2)

  private let postgres: PostgresClient
  private var position: Int64
  /// Rows at or above `position` that were read before.
  private var seen: Set<Int64> = []

  /// Begins behind `position`; 0 means everything that is remembered.
  init(postgres: PostgresClient, after position: Int64 = 0) {
    self.postgres = postgres
    self.position = max(position, 0)
  }

  private struct Row {
    let xmin: Int64
    let forgotten: Int64
    /// Nil where the join has found nothing.
    let id: Int64?
    let transactionID: Int64?
    let revocation: Revocation?

    init(_ row: PostgresRow) throws(PostgresError) {
      xmin = try row.decode("xmin")
      forgotten = try row.decode("forgotten")
      id = try row.decode("id")
      transactionID = try row.decode("transaction_id")
      let accountID: UUID? = try row.decode("account_id")
      let credentialID: UUID? = try row.decode("credential_id")
      revocation = accountID.map { Revocation(accountID: $0, credentialID: credentialID) }
    }
  }

  /// Everything that was committed before this call and not read by an earlier one.
  mutating func read() async throws(PostgresError) -> RevocationReading {
    let rows = try await postgres.all(
      """
      SELECT s.xmin, f.transaction_id AS forgotten, r.id, r.transaction_id, r.account_id,
             r.credential_id
        FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin) AS s
       CROSS JOIN revocations_forgotten AS f
        LEFT JOIN LATERAL (
          SELECT id, transaction_id, account_id, credential_id
            FROM revocations
           WHERE transaction_id >= \(position)
           LIMIT \(Self.newsMax + 1)
        ) AS r ON true
      """, timeout: Self.timeout, as: Row.init(_:))
    guard let xmin = rows.first?.xmin, let forgotten = rows.first?.forgotten else {
      // Somebody has emptied the table that has one row; nothing is known for certain.
      return RevocationReading(position: 0, isIncomplete: true, revocations: [])
    }
    let isTooLate = position != 0 && position < forgotten
    // Another database: its transactions count anew.
    let isAnother = position > xmin
    let isTooMany = rows.count > Self.newsMax
    let news = rows.filter { row in row.id.map { !seen.contains($0) } ?? false }
    seen = Set(rows.filter { ($0.transactionID ?? 0) >= xmin }.compactMap(\.id))
    position = xmin
    return RevocationReading(
      position: xmin, isIncomplete: isTooLate || isAnother || isTooMany,
      revocations: isTooMany ? [] : news.compactMap(\.revocation))
  }

  /// Deletes what is older than `age`, and notes up to where.
  static func forget(
    olderThan age: Duration, in postgres: PostgresClient
  ) async throws(PostgresError) {
    // Nothing above a snapshot's xmin: readers that are up to date may stand there.
    try await postgres.execute(
      """
      WITH gone AS (
        DELETE FROM revocations
         WHERE create_time < clock_timestamp() - \(age / .seconds(1)) * interval '1 second'
           AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        RETURNING transaction_id
      )
      UPDATE revocations_forgotten AS f
         SET transaction_id = greatest(f.transaction_id, g.last + 1)
        FROM (SELECT max(transaction_id) AS last FROM gone) AS g
       WHERE g.last IS NOT NULL
      """)
  }
}
