/// A transaction under way, for the body of `PostgresClient.transaction` only.
///
/// Statements started side by side (`async let`) are pipelined. After one has failed the server
/// refuses the others with 25P02 and COMMIT becomes `.transactionAborted`.
package final class PostgresTransaction: PostgresQuerying, Sendable {
  package func result(
    of query: PostgresQuery, timeout: Duration?
  ) async throws(PostgresError) -> PostgresResult {
    throw .transactionEnded
  }
}
