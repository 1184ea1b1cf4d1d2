import NIOCore

/// One statement on its way, and who waits for it.
final class PostgresOperation: Sendable {
  let query: PostgresQuery
  let deadline: NIODeadline
  let promise = Promise<PostgresResult, PostgresError>(cancelled: .cancelled)

  init(_ query: PostgresQuery, deadline: NIODeadline) {
    self.query = query
    self.deadline = deadline
  }
}
