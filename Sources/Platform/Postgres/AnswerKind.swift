import CLibPQ

/// What one result of libpq is.
enum AnswerKind {
  case success(PostgresResult)
  case failure(PostgresError)
  /// Not run, because something before it in its group failed.
  case skipped
  case sync
  /// E.g. COPY, which no caller may start.
  case unexpected

  /// Takes the result over.
  init(_ result: OpaquePointer) {
    let status = PQresultStatus(result)
    switch status {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
      self = .success(PostgresResult(owning: result))
      return
    case PGRES_FATAL_ERROR: self = .failure(PostgresError(result: result))
    case PGRES_PIPELINE_ABORTED: self = .skipped
    case PGRES_PIPELINE_SYNC: self = .sync
    default: self = .unexpected
    }
    PQclear(result)
  }
}

extension PostgresError {
  /// What an error result of libpq means; does not take the result over.
  init(result: OpaquePointer) {
    func field(_ code: Character) -> String? {
      guard let ascii = code.asciiValue, let text = PQresultErrorField(result, Int32(ascii)) else {
        return nil
      }
      return String(cString: text)
    }
    // PG_DIAG_SQLSTATE; libpq's own errors have none: the connection is lost.
    guard let code = field("C") else {
      self = .connectionClosed
      return
    }
    let state = SQLState(rawValue: code)
    switch (code, state.errorClass) {
    case ("53100", _): self = .storageFull
    // A statement or lock timeout of the server's own configuration.
    case ("57014", _): self = .timeout(.answer)
    // Shut down, crashed, not yet up; connection exceptions.
    case ("57P01", _), ("57P02", _), ("57P03", _), (_, "08"): self = .connectionClosed
    default:
      let message = field("M") ?? ""
      self = .server(
        ServerError(
          sqlState: state,
          message: state.errorClass == "22" ? Self.withoutQuotations(message) : message,
          severity: field("V") ?? field("S") ?? "ERROR", schema: field("s"), table: field("t"),
          constraint: field("n")))
    }
  }

  /// Data exceptions quote the offending value: `invalid input syntax for type uuid: "…"`.
  private static func withoutQuotations(_ message: String) -> String {
    guard let first = message.firstIndex(of: "\""), let last = message.lastIndex(of: "\"") else {
      return message
    }
    return message[..<first] + "\"…\"" + message[message.index(after: last)...]
  }
}
