package import UseCases

/// Every way in which the audit log refuses or fails.
package enum AuditError: Error, Hashable {
  /// A request field at fault, by its JSON name.
  package enum Field: String, Sendable {
    case accountID = "accountId"
    case action
    case boundaries
    case credentialID = "credentialId"
    case events
    case grouping = "byModel"
    case id
    case index
    case ipAddress
    case level
    case outcome
    case pageSize
    case pageToken
    case since
    case size
    case targetID = "targetId"
    case text
    case until
    case width
  }

  case invalid(Field, reason: String)
  /// One event of a batch is at fault, so none of the batch was kept.
  case invalidEvent(index: Int, EventProblem)
  /// The caller's credential doesn't allow it.
  case denied(Refusal)
  /// There is no such thing, or not yet.
  case notFound
  /// The log isn't signed here, so nothing of it can be proved.
  case unsigned
  /// The tree lacks hashes that it must have; `detail` is for the operator's log.
  case damaged(detail: String)
  /// The database takes no such event, and an event of the batch is one; so none was kept. `detail`
  /// is for the operator's log.
  case unstorable(detail: String)
  /// The caller gave up.
  case cancelled
  /// The database can't be reached or takes too long; `detail` is for the operator's log.
  case storageUnavailable(detail: String)
  /// The database has no room left to write.
  case storageFull
  /// The database refused; `detail` is for the operator's log.
  case storage(detail: String)
}

extension AuditError: UseCaseError {
  package var refusal: Refusal? {
    if case .denied(let refusal) = self { refusal } else { nil }
  }

  /// Reading and appending leave no receipt of a failure: the log would be about itself.
  package var receiptReason: String? { nil }
}
