internal import CLibPQ

/// What one result of libpq is; unless it is a success, the result is freed.
enum AnswerKind {
  case success
  case failure(PostgresError)
  /// Not run, because something before it in its group failed.
  case skipped
  case sync
  /// E.g. COPY, which no caller may start.
  case unexpected

  init(_ result: OpaquePointer) {
    let status = PQresultStatus(result)
    switch status {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
      self = .success
      return
    case PGRES_FATAL_ERROR: self = .failure(PostgresError(result: result))
    case PGRES_PIPELINE_ABORTED: self = .skipped
    case PGRES_PIPELINE_SYNC: self = .sync
    default: self = .unexpected
    }
    PQclear(result)
  }
}
