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

  func eraseAccount(
    _ account: UserID, eventsMax: Int, event: AuditEvent
  ) async throws(AuditError) -> (events: Int, isComplete: Bool) {
    let count = recorded.withLock { recorded in
      for index in recorded.indices where recorded[index].event.accountID == account {
        recorded[index].event.actor.name = "deleted account"
      }
      return recorded.count { $0.event.accountID == account }
    }
    _ = try await append([event])
    return (count, true)
  }

  func counts(
    of account: UserID, matching query: EventQuery, between boundaries: [Int64],
    by grouping: EventGrouping, eventsMax: Int
  ) async throws(AuditError) -> [EventCount] {
    let found = all.filter { $0.event.accountID == account && query.admits($0.event) }
      .sorted { Self.key($0) > Self.key($1) }
    var counts: [EventCount] = []
    for event in found.prefix(eventsMax).map(\.event) {
      let time = event.time.microsecondsSince1970
      let interval = boundaries.count { $0 <= time } - 1
      guard (0..<boundaries.count - 1).contains(interval) else { continue }
      let target = grouping == .target ? event.target.id : ""
      let place = counts.firstIndex {
        $0.interval == interval && $0.outcome == event.outcome && $0.targetID == target
      }
      if let place {
        counts[place].count += 1
      } else {
        counts.append(
          EventCount(interval: interval, outcome: event.outcome, targetID: target, count: 1))
      }
    }
    return counts
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
    if !targetID.isEmpty, event.target.id != targetID { return false }
    if !ipAddress.isEmpty, event.ipAddress != ipAddress { return false }
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
