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
    /// There is no room to write; what is stored can be read. It works again once there is.
    case storageFull
    /// A fault of the program or of its data: trying again makes no sense.
    case broken
  }

  package var kind: Kind {
    switch self {
    case .cancelled: .cancelled
    case .storageFull: .storageFull
    case .connectionFailed, .connectionClosed, .timeout, .poolExhausted, .shuttingDown:
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

/// What the server said about a statement it refused.
///
/// The DETAIL and HINT fields are dropped, and so is what class 22 messages quote: they repeat
/// values, such as the e-mail address of a duplicate key.
package struct ServerError: Sendable, Equatable {
  package let sqlState: SQLState
  package let message: String
  /// `ERROR`, `FATAL` or `PANIC`, never translated.
  package let severity: String
  package let schema: String?
  package let table: String?
  package let constraint: String?
}

/// A five-character error code (PostgreSQL's appendix A).
package struct SQLState: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  package let rawValue: String

  package init(rawValue: String) { self.rawValue = rawValue }

  /// The first two characters.
  package var errorClass: Substring { rawValue.prefix(2) }
  package var description: String { rawValue }

  /// Whether the same statement may succeed later: lost to another transaction, out of resources,
  /// an operator's intervention, an error of the server's system, a server that is only a standby,
  /// a lock that is held.
  var mayPass: Bool {
    ["40", "53", "57", "58"].contains(errorClass)
      || self == .readOnlyTransaction || self == .lockNotAvailable
  }

  package static let featureNotSupported = SQLState(rawValue: "0A000")
  package static let foreignKeyViolation = SQLState(rawValue: "23503")
  package static let uniqueViolation = SQLState(rawValue: "23505")
  package static let checkViolation = SQLState(rawValue: "23514")
  package static let readOnlyTransaction = SQLState(rawValue: "25006")
  package static let inFailedTransaction = SQLState(rawValue: "25P02")
  package static let invalidStatementName = SQLState(rawValue: "26000")
  package static let serializationFailure = SQLState(rawValue: "40001")
  package static let deadlockDetected = SQLState(rawValue: "40P01")
  package static let insufficientPrivilege = SQLState(rawValue: "42501")
  package static let syntaxError = SQLState(rawValue: "42601")
  package static let diskFull = SQLState(rawValue: "53100")
  package static let lockNotAvailable = SQLState(rawValue: "55P03")
  package static let queryCanceled = SQLState(rawValue: "57014")
}
