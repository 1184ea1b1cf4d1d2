/// How much of concurrent transactions one sees (PostgreSQL's chapter 13.2).
package enum PostgresIsolation: Sendable {
  case readCommitted
  case repeatableRead
  /// Expect 40001; give `transaction` an `attemptsMax` above 1.
  case serializable

  var begin: PostgresQuery {
    switch self {
    case .readCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED"
    case .repeatableRead: "BEGIN ISOLATION LEVEL REPEATABLE READ"
    case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
    }
  }
}
