import Metrics
import Postgres

/// How much waits in the outbox, for how long, and how deliveries end.
final class OutboxMetrics: Sendable {
  /// Between two looks at the tables.
  static let interval: Duration = .seconds(10)
  /// What is counted at the most: beyond it the exact number tells nobody anything.
  static let countMax = 10_000

  private let receipts = Meter(label: "outbox.receipts")
  private let oldestAge = Meter(label: "outbox.oldest_receipt.age")
  private let setAside = Meter(label: "outbox.set_aside")
  private let delivered = Counter(label: "outbox.deliveries", dimensions: [("outcome", "ok")])
  private let failed = Counter(label: "outbox.deliveries", dimensions: [("outcome", "failed")])

  func deliverySucceeded() { delivered.increment() }
  func deliveryFailed() { failed.increment() }

  /// Reads the numbers from the tables.
  func measure(_ postgres: PostgresClient) async throws(PostgresError) {
    let numbers = try await postgres.first(
      """
      SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT \(Self.countMax)) AS waiting)
               AS waiting,
             coalesce(
               (SELECT extract(epoch FROM now() - create_time)::bigint
                  FROM outbox ORDER BY position LIMIT 1), 0) AS age,
             (SELECT count(*) FROM (SELECT FROM outbox_set_aside LIMIT \(Self.countMax)) AS refused)
               AS refused
      """
    ) { row throws(PostgresError) in
      (
        waiting: try row.decode("waiting", as: Int.self), age: try row.decode("age", as: Int.self),
        refused: try row.decode("refused", as: Int.self)
      )
    }
    guard let numbers else { return }
    receipts.set(numbers.waiting)
    oldestAge.set(max(0, numbers.age))
    setAside.set(numbers.refused)
  }
}
