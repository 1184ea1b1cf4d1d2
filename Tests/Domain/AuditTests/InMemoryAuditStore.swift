import Audit
import FoundationEssentials
import Identity
import Receipts
import Synchronization
import UseCases

/// A log in memory with the rules of the real one.
final class InMemoryAuditStore: AuditStore {
  private let recorded = Mutex<[RecordedEvent]>([])

  var all: [RecordedEvent] { recorded.withLock { $0 } }

  func append(_ events: [AuditEvent]) async throws(AuditError) -> Int {
    recorded.withLock { recorded in
      var known = Set(recorded.map(\.event.id))
      let new = events.filter { known.insert($0.id).inserted }
      for event in new {
        recorded.append(RecordedEvent(sequence: Int64(recorded.count) + 1, event: event))
      }
      return new.count
    }
  }

  func events(
    of account: UserID?, matching query: EventQuery, below position: PagePosition?, limit: Int
  ) async throws(AuditError) -> [RecordedEvent] {
    let matching = all.filter { recorded in
      (account == nil || recorded.event.accountID == account) && query.admits(recorded.event)
    }
    let ordered = matching.sorted { Self.key($0) > Self.key($1) }
    let below = ordered.filter { recorded in
      guard let position else { return true }
      return Self.key(recorded) < (position.timeMicroseconds, position.sequence)
    }
    return Array(below.prefix(limit))
  }

  private static func key(_ recorded: RecordedEvent) -> (Int64, Int64) {
    (recorded.event.time.microsecondsSince1970, recorded.sequence)
  }
}

extension EventQuery {
  fileprivate func admits(_ event: AuditEvent) -> Bool {
    if let outcome, event.outcome != outcome { return false }
    if let since, event.time < since { return false }
    if let until, event.time >= until { return false }
    switch action {
    case nil: return true
    case .exactly(let action): return event.action == action
    case .startingWith(let prefix): return event.action.hasPrefix(prefix)
    }
  }
}

extension AuditEvent {
  /// An event that passes every check, to be spoilt by tests.
  static func sample(
    account: UserID, action: String = "provider-config.create", outcome: Outcome = .success,
    minute: Int = 0
  ) -> AuditEvent {
    AuditEvent(
      id: UUID(), time: Date(timeIntervalSince1970: 1_700_000_000 + Double(minute) * 60),
      actor: Actor(type: "user", id: account.text, name: "owner@example.org"), action: action,
      target: Target(type: "provider-config", id: "1", name: "openai/default"),
      outcome: outcome, ipAddress: "192.0.2.1", userAgent: "curl/8", requestID: "r-1",
      details: "{}", source: "vault", accountID: account)
  }
}
