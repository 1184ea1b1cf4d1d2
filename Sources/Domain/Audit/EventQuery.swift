package import FoundationEssentials
package import Identity
import Receipts

/// What a reader wants to see of the log.
package struct EventQuery: Sendable, Hashable {
  package var action: ActionFilter?
  package var outcome: AuditEvent.Outcome?
  /// Inclusive.
  package var since: Date?
  /// Exclusive.
  package var until: Date?
  /// The access token or session with which it was done.
  package var credentialID: UUID?
  /// As in the event's target; empty for any.
  package var targetID = ""
  /// Exact; empty for any.
  package var ipAddress = ""
  /// Anywhere in what an event says in words; empty for any.
  package var text = ""
  /// One event alone.
  package var id: UUID?
  package var reach: Reach

  /// Whose events.
  package enum Reach: Sendable, Hashable {
    /// The reader's own.
    case own
    /// All of them; nobody's too.
    case everybody
    /// One account's, read by somebody else.
    case account(UserID)
  }

  package init(
    action: ActionFilter? = nil, outcome: AuditEvent.Outcome? = nil,
    since: Date? = nil, until: Date? = nil, reach: Reach = .own
  ) {
    self.reach = reach
    self.action = action
    self.outcome = outcome
    self.since = since
    self.until = until
  }

  /// Bytes of a text that is looked for.
  package static let textBytesMax = 100

  /// Refuses filters that are longer than what they are compared with, and NUL, which PostgreSQL's
  /// text can't hold.
  func check() throws(AuditError) {
    for (field, value, bytesMax) in [
      (AuditError.Field.targetID, targetID, AuditEvent.textBytesMax),
      (.ipAddress, ipAddress, AuditEvent.textBytesMax), (.text, text, Self.textBytesMax),
    ] {
      guard value.utf8.count <= bytesMax else {
        throw .invalid(field, reason: "is longer than \(bytesMax) bytes")
      }
      guard !value.utf8.contains(0) else {
        throw .invalid(field, reason: "holds a NUL character")
      }
    }
  }
}

/// How many events of one outcome there are in one interval.
package struct EventCount: Sendable, Hashable {
  /// From 0, in the order of the boundaries.
  package var interval: Int
  package var outcome: AuditEvent.Outcome
  /// Empty unless targets are counted apart.
  package var targetID: String
  /// Empty unless models are counted apart, and for events that name none.
  package var model: String
  package var count: Int
  /// What these events say that they took.
  package var taken = TakenTokens()

  package init(
    interval: Int, outcome: AuditEvent.Outcome, targetID: String, model: String = "", count: Int
  ) {
    (self.interval, self.outcome) = (interval, outcome)
    (self.targetID, self.model, self.count) = (targetID, model, count)
  }
}

/// What uses of keys took, added up.
package struct TakenTokens: Sendable, Hashable {
  package var input = 0
  package var output = 0
  /// Of `input`: read from a provider's cache.
  package var cached = 0
  /// Billionths of a dollar.
  package var nanodollars = 0
  /// Events that tell of tokens.
  package var meteredCount = 0
  /// Events that tell of a cost.
  package var pricedCount = 0

  package init() {}
}

/// What is counted apart, beside intervals and outcomes.
package enum EventGrouping: Sendable, Hashable {
  case none, target, model
}

extension EventQuery {
  /// What reading them is.
  var readingAction: ReceiptAction { reach == .own ? .auditEventList : .auditEventListAll }

  /// Whose events they are; nil for everybody's.
  func account(readBy reader: UserID) -> UserID? {
    switch reach {
    case .own: reader
    case .everybody: nil
    case .account(let account): account
    }
  }

  /// An unambiguous text of the list that this query reads of one account, for its page tokens.
  func name(for account: UserID) -> String {
    let action =
      switch action {
      case nil: "any"
      case .exactly(let text): "exactly \(text)"
      case .startingWith(let text): "prefix \(text)"
      }
    let whose =
      switch reach {
      case .own: account.text
      case .everybody: "everybody"
      case .account(let other): "of \(other.text)"
      }
    return [
      "audit-events", whose, action, outcome.map { "\($0.rawValue)" } ?? "any",
      since.map { "\($0.microsecondsSince1970)" } ?? "always",
      until.map { "\($0.microsecondsSince1970)" } ?? "always",
      // The free texts last, each with its length, so that none can pass for another.
      credentialID?.uuidString ?? "any", id?.uuidString ?? "any",
      "\(targetID.utf8.count) \(targetID)", "\(ipAddress.utf8.count) \(ipAddress)", text,
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

/// Which actions a reader asks for.
package enum ActionFilter: Sendable, Hashable {
  case exactly(String)
  /// Every action that begins with this text, which ends in a dot.
  case startingWith(String)

  static let rule =
    "must be 1 to \(AuditEvent.actionBytesMax) characters of a-z, 0-9, '-' and '.'"

  /// Reads an action, or a prefix followed by `.*`; empty text means any action.
  package static func parse(_ text: String) throws(AuditError) -> ActionFilter? {
    guard !text.isEmpty else { return nil }
    let isPrefix = text.hasSuffix(".*")
    let action = isPrefix ? String(text.dropLast(2)) : text
    guard isAction(action) else {
      throw .invalid(.action, reason: "\(rule), or such a prefix followed by '.*'")
    }
    return isPrefix ? .startingWith(action + ".") : .exactly(action)
  }

  /// Whether `text` could be an action: lower-case words, joined by dots.
  static func isAction(_ text: String) -> Bool {
    (1...AuditEvent.actionBytesMax).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "-"), UInt8(ascii: "."):
          true
        default: false
        }
      }
  }

  func admits(_ action: String) -> Bool {
    switch self {
    case .exactly(let wanted): action == wanted
    case .startingWith(let prefix): action.hasPrefix(prefix)
    }
  }
}
