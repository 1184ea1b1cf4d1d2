package import Identity
package import UseCases

/// Where events are kept.
package protocol AuditStore: Sendable {
  /// Adds those events whose id is not there yet, all or none, and returns how many those were.
  ///
  /// An id that appears twice in `events` counts once as new.
  func append(_ events: [AuditEvent]) async throws(AuditError) -> Int

  /// The first `limit` matching events of the account's log, of everybody's without one, below
  /// `position`, newest first: by time, so that an event that was delivered late shows where it
  /// belongs; the sequence decides between events of the same microsecond.
  func events(
    of account: UserID?, matching query: EventQuery, below position: PagePosition?, limit: Int
  ) async throws(AuditError) -> [RecordedEvent]

  /// Takes the person out of up to `eventsMax` further entries of the account, and out of those
  /// that arrive later; adds `event` with the last of them. Says how many there were, and whether
  /// none is left.
  func eraseAccount(
    _ account: UserID, eventsMax: Int, event: AuditEvent
  ) async throws(AuditError) -> (events: Int, isComplete: Bool)

  /// How many matching events of the account's log there are between each boundary and the next,
  /// among the newest `eventsMax` of them; those that there are none of are left out.
  ///
  /// `boundaries` are ascending microseconds since 1970, two at least; the query's own times are
  /// not looked at.
  func counts(
    of account: UserID, matching query: EventQuery, between boundaries: [Int64],
    by grouping: EventGrouping, eventsMax: Int
  ) async throws(AuditError) -> [EventCount]
}
