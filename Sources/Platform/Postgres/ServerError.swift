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
