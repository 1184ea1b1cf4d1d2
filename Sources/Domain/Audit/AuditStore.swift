/// Where events are kept.
package protocol AuditStore: Sendable {
  /// Adds those events whose id is not there yet, all or none, and returns how many those were.
  ///
  /// An id that appears twice in `events` counts once as new.
  func append(_ events: [AuditEvent]) async throws(AuditError) -> Int

  /// The first `limit` matching events below `position`, newest first.
  func events(
    matching query: EventQuery, below position: EventPosition?, limit: Int
  ) async throws(AuditError) -> [RecordedEvent]
}
