/// Why a query, a transaction or a connection failed.
///
/// Never holds the value of a parameter.
package enum PostgresError: Error, Sendable, Equatable {
  /// The server refused a statement.
  case server(ServerError)
  /// The server has no space left; it may be down until there is some. Fail closed, try later.
  case storageFull
  /// No connection could be opened; `detail` is libpq's or the server's reason.
  case connectionFailed(detail: String)
  /// The connection broke while the statement was under way: whether it took effect is unknown.
  case connectionClosed
  /// A deadline passed; whether a statement took effect is unknown when the stage is `.answer`.
  case timeout(TimeoutStage)
  /// Every connection is busy and the waiting queue is full, or the wait took too long.
  case poolExhausted
  /// A column is missing, has another type, or holds what its Swift type cannot.
  case decoding(column: String, detail: String)
  /// A query exceeds a limit of the protocol, e.g. 65,535 parameters.
  case queryTooLarge(detail: String)
  /// A transaction could not be committed, because one of its statements had failed.
  case transactionAborted
  /// A `PostgresTransaction` was used after its body had returned.
  case transactionEnded
  /// The calling task was cancelled; whether a statement took effect is unknown.
  case cancelled
  /// The client is closing or closed.
  case shuttingDown

  /// Where a deadline passed.
  package enum TimeoutStage: Sendable, Equatable {
    /// While the query waited for a connection; it was never sent.
    case connection
    /// While the server worked, or was frozen.
    case answer
  }

  /// What a failure means to whoever doesn't know PostgreSQL.
  package enum Kind: Sendable {
    /// The caller gave up.
    case cancelled
    /// The server can't be reached, is busy or takes too long: it may work later.
    case unavailable
    /// A fault of the program or of its data: trying again makes no sense.
    case broken
  }

  package var kind: Kind {
    switch self {
    case .cancelled: .cancelled
    case .storageFull, .connectionFailed, .connectionClosed, .timeout, .poolExhausted,
      .shuttingDown:
      .unavailable
    case .server(let error): error.sqlState.mayPass ? .unavailable : .broken
    case .decoding, .queryTooLarge, .transactionAborted, .transactionEnded: .broken
    }
  }

  /// Whether a unique constraint refused the statement; with a name, whether that one did.
  package func isUniqueViolation(constraint: String? = nil) -> Bool {
    isViolation(.uniqueViolation, of: constraint)
  }

  /// Whether a foreign key refused the statement; with a name, whether that one did.
  package func isForeignKeyViolation(constraint: String? = nil) -> Bool {
    isViolation(.foreignKeyViolation, of: constraint)
  }

  /// Whether a check constraint refused the statement; with a name, whether that one did.
  package func isCheckViolation(constraint: String? = nil) -> Bool {
    isViolation(.checkViolation, of: constraint)
  }

  /// Whether the same transaction may succeed when run again (40001, 40P01).
  package var isSerializationFailure: Bool {
    guard case .server(let error) = self else { return false }
    return error.sqlState == .serializationFailure || error.sqlState == .deadlockDetected
  }

  private func isViolation(_ state: SQLState, of constraint: String?) -> Bool {
    guard case .server(let error) = self, error.sqlState == state else { return false }
    return constraint == nil || error.constraint == constraint
  }
}
