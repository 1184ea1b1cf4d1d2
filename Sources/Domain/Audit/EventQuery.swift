package import FoundationEssentials
package import Identity

/// What a reader wants to see of one account's log.
package struct EventQuery: Sendable, Hashable {
  /// The account; never left out, so nobody reads another's log.
  package var accountID: UserID
  package var action: ActionFilter?
  package var outcome: AuditEvent.Outcome?
  /// Inclusive.
  package var since: Date?
  /// Exclusive.
  package var until: Date?

  package init(
    accountID: UserID, action: ActionFilter? = nil, outcome: AuditEvent.Outcome? = nil,
    since: Date? = nil, until: Date? = nil
  ) {
    self.accountID = accountID
    self.action = action
    self.outcome = outcome
    self.since = since
    self.until = until
  }
}

/// Some events, newest first.
package struct EventPage: Sendable, Hashable {
  package var events: [RecordedEvent]
  /// Nil on the last page.
  package var nextPageToken: String?

  package init(events: [RecordedEvent], nextPageToken: String?) {
    self.events = events
    self.nextPageToken = nextPageToken
  }
}

/// The place in the log just after which a page begins.
///
/// The log is read by time, so that an event that was delivered late shows where it belongs; the
/// sequence decides between events of the same microsecond.
package struct EventPosition: Sendable, Hashable {
  package var timeMicroseconds: Int64
  package var sequence: Int64

  package init(timeMicroseconds: Int64, sequence: Int64) {
    self.timeMicroseconds = timeMicroseconds
    self.sequence = sequence
  }

  package init(_ recorded: RecordedEvent) {
    self.init(
      timeMicroseconds: recorded.event.time.microsecondsSince1970, sequence: recorded.sequence)
  }
}

extension Date {
  /// Rounded to what PostgreSQL's `timestamptz` holds.
  package var microsecondsSince1970: Int64 {
    Int64((timeIntervalSince1970 * 1_000_000).rounded())
  }

  package init(microsecondsSince1970 microseconds: Int64) {
    self.init(timeIntervalSince1970: Double(microseconds) / 1_000_000)
  }
}
