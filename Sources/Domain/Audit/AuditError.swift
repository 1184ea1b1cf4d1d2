/// Every way in which the audit log refuses or fails.
package enum AuditError: Error, Hashable {
  /// A request field at fault, by its JSON name.
  package enum Field: String, Sendable {
    case action
    case events
    case outcome
    case pageSize
    case pageToken
    case since
    case until
  }

  case invalid(Field, reason: String)
  /// One event of a batch is at fault, so none of the batch was kept.
  case invalidEvent(index: Int, EventProblem)
  /// The database failed; `detail` is for the operator's log.
  case storage(detail: String)
}
