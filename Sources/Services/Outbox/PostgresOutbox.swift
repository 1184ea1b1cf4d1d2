import FoundationEssentials
package import Postgres
import Protobuf
package import Receipts
import ServiceAPI

/// Writes receipts beside the changes they record, and tells the relay that there are some.
package struct PostgresOutbox: Sendable {
  let arrivals: OutboxArrivals

  package init() {
    arrivals = OutboxArrivals()
  }

  /// Writes a receipt in the transaction of the change it records.
  package func insert(
    _ receipt: Receipt, in transaction: PostgresTransaction
  ) async throws(PostgresError) {
    try await insert([receipt], in: transaction)
  }

  /// Writes receipts in one statement, in the transaction of the changes they record.
  package func insert(
    _ receipts: [Receipt], in transaction: PostgresTransaction
  ) async throws(PostgresError) {
    guard !receipts.isEmpty else { return }
    try await transaction.execute(Self.insertion(of: receipts))
    transaction.afterCommit { arrivals.announce() }
  }

  /// Writes receipts that have no change with them, in one statement; they are committed when it
  /// returns.
  package func insert(
    _ receipts: [Receipt], in postgres: PostgresClient, timeout: Duration? = nil
  ) async throws(PostgresError) {
    guard !receipts.isEmpty else { return }
    try await postgres.execute(Self.insertion(of: receipts), timeout: timeout)
    arrivals.announce()
  }

  /// Writes those of the receipts whose positions, counted from 1, `choice` selects as `position`
  /// in the moment of writing; returns these positions.
  package func insert(
    _ receipts: [Receipt], chosenBy choice: PostgresQuery, in transaction: PostgresTransaction
  ) async throws(PostgresError) -> [Int] {
    let positions = try await transaction.all(
      Self.insertion(of: receipts, chosenBy: choice), as: Self.position)
    transaction.afterCommit { arrivals.announce() }
    return positions
  }

  /// Like the one above, with no change beside it; they are committed when it returns.
  package func insert(
    _ receipts: [Receipt], chosenBy choice: PostgresQuery, in postgres: PostgresClient,
    timeout: Duration? = nil
  ) async throws(PostgresError) -> [Int] {
    let positions = try await postgres.all(
      Self.insertion(of: receipts, chosenBy: choice), timeout: timeout, as: Self.position)
    arrivals.announce()
    return positions
  }

  private static func insertion(of receipts: [Receipt]) -> PostgresQuery {
    "INSERT INTO outbox (event) SELECT event FROM unnest(\(packed(receipts))) AS receipt (event)"
  }

  private static func insertion(
    of receipts: [Receipt], chosenBy choice: PostgresQuery
  ) -> PostgresQuery {
    """
    WITH chosen AS (\(choice)),
    written AS (
      INSERT INTO outbox (event)
      SELECT receipt.event
        FROM unnest(\(packed(receipts))) WITH ORDINALITY AS receipt (event, position)
        JOIN chosen ON chosen.position = receipt.position
       ORDER BY receipt.position
    )
    SELECT position FROM chosen
    """
  }

  private static func packed(_ receipts: [Receipt]) -> ByteArrays {
    ByteArrays(receipts.map { AuditAPI.AuditEvent($0).packed() })
  }

  private static func position(_ row: PostgresRow) throws(PostgresError) -> Int {
    try row.decode(0)
  }
}

/// Tells the relay that there may be new rows; announcements that pile up count as one.
struct OutboxArrivals: Sendable {
  /// For the one relay of the process.
  let stream: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() {
    (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  func announce() { continuation.yield() }
}

/// The outbox's tables, which live in the schema of each service that records receipts.
package enum OutboxSchema {
  /// The migration that creates the tables and lets `runtimeRole` use them.
  ///
  /// - Parameters:
  ///   - number: its place among the service's own migrations.
  ///   - runtimeRole: a role's name, of `a-z 0-9 _`; it stands in the source code, never in data.
  package static func migration(number: Int, runtimeRole: StaticString) -> Migration {
    let template = String(decoding: PackageResources.outbox_sql, as: UTF8.self)
    let role = "\"\(runtimeRole)\""
    let grants = template.split(separator: " TO runtime_role;", omittingEmptySubsequences: false)
    return Migration(number: number, name: "outbox", sql: grants.joined(separator: " TO \(role);"))
  }
}
