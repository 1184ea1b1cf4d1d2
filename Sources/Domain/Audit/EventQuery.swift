package import FoundationEssentials
import Identity
import Receipts

/// What a reader wants to see of their own log.
package struct EventQuery: Sendable, Hashable {
  package var action: ActionFilter?
  package var outcome: AuditEvent.Outcome?
  /// Inclusive.
  package var since: Date?
  /// Exclusive.
  package var until: Date?

  package init(
    action: ActionFilter? = nil, outcome: AuditEvent.Outcome? = nil,
    since: Date? = nil, until: Date? = nil
  ) {
    self.action = action
    self.outcome = outcome
    self.since = since
    self.until = until
  }
}

extension EventQuery {
  /// An unambiguous text of the list that this query reads of one account, for its page tokens.
  func name(for account: UserID) -> String {
    let action =
      switch action {
      case nil: "any"
      case .exactly(let text): "exactly \(text)"
      case .startingWith(let text): "prefix \(text)"
      }
    return [
      "audit-events", account.text, action, outcome.map { "\($0.rawValue)" } ?? "any",
      since.map { "\($0.microsecondsSince1970)" } ?? "always",
      until.map { "\($0.microsecondsSince1970)" } ?? "always",
    ].joined(separator: "\n")
  }
}

extension Date {
  /// Rounded to what PostgreSQL's `timestamptz` holds; a time out of range becomes the limit.
  package var microsecondsSince1970: Int64 {
    let microseconds = (timeIntervalSince1970 * 1_000_000).rounded()
    return Int64(exactly: microseconds) ?? (microseconds < 0 ? .min : .max)
  }

  package init(microsecondsSince1970 microseconds: Int64) {
    self.init(timeIntervalSince1970: Double(microseconds) / 1_000_000)
  }
}
