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

  /// Writes receipts in one statement: in a transaction, or on a client as one of their own.
  package func insert(
    _ receipts: [Receipt], in database: some PostgresQuerying
  ) async throws(PostgresError) {
    guard !receipts.isEmpty else { return }
    let events = ByteArrays(receipts.map { AuditAPI.AuditEvent($0).packed() })
    try await database.execute(
      "INSERT INTO outbox (event) SELECT event FROM unnest(\(events)) AS receipt (event)")
    // Before the commit, which the relay gives a moment for; its regular look finds late ones.
    arrivals.announce()
  }
}

/// An array of bytea, bound as one parameter.
struct ByteArrays: PostgresEncodable {
  static let postgresType = PostgresType(rawValue: 1001)

  private let elements: [[UInt8]]

  init(_ elements: [[UInt8]]) { self.elements = elements }

  /// One dimension, no nulls, then each element behind its length (`array_recv`).
  func encode(into buffer: inout PostgresBuffer) {
    buffer.append(Int32(elements.isEmpty ? 0 : 1))
    buffer.append(Int32(0))
    buffer.append(PostgresType.bytea.rawValue)
    guard !elements.isEmpty else { return }
    buffer.append(Int32(elements.count))
    buffer.append(Int32(1))
    for element in elements {
      buffer.append(Int32(element.count))
      buffer.append(contentsOf: element)
    }
  }
}
