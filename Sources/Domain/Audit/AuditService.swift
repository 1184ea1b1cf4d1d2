package import FoundationEssentials
package import Identity
import Receipts
package import TransparencyLog
package import UseCases

/// The use cases of the audit log.
///
/// Each begins at the door, which says who may come in; a refusal is itself an event of the log.
package struct AuditService: Sendable {
  /// Events of one append.
  package static let batchEventsMax = 500
  /// Intervals of one count.
  package static let intervalsMax = 100
  /// Events that one count looks at, so that it costs no more than a part of a second.
  package static let countedEventsMax = 200_000

  /// Entries that one call takes a person out of.
  static let erasedEventsMax = 2_000

  /// The name under which the log records what it refused itself.
  static let name = "audit"

  let door: Door<AuditError>
  private let store: any AuditStore
  /// What proves the log, and the key that signs it; nil where nothing does.
  let log: (store: any LogStore, key: LogKey)?

  package init(
    store: any AuditStore, log: (store: any LogStore, key: LogKey)? = nil,
    clock: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.log = log
    door = Door(clock: clock) { (receipt) async throws(AuditError) in
      _ = try await store.append([AuditEvent(receipt, source: Self.name)])
    }
    self.store = store
  }

  /// Keeps a batch of a service, each id once, all or nothing; returns how many events were new.
  package func append(
    _ events: [AuditEvent], by service: String
  ) async throws(AuditError) -> Int {
    try await door.perform(.auditEventAppend, by: .service(service), from: CallOrigin()) {
      (_) async throws(AuditError) -> Act<Int> in
      guard events.count <= Self.batchEventsMax else {
        throw .invalid(.events, reason: "holds more than \(Self.batchEventsMax) events")
      }
      for (index, event) in events.enumerated() {
        do throws(EventProblem) {
          try event.check()
        } catch {
          throw .invalidEvent(index: index, error)
        }
      }
      guard !events.isEmpty else { return .looked(0) }
      return .looked(try await store.append(events))
    }
  }

  /// Reads one page of the caller's log, newest first; `size` 0 means the default, `token` empty
  /// the first page. Reading other people's leaves an event itself, which they see.
  package func page(
    of query: EventQuery, size: Int, token: String, for caller: Caller, from origin: CallOrigin
  ) async throws(AuditError) -> Page<RecordedEvent> {
    try await door.perform(query.readingAction, by: .caller(caller), from: origin) {
      (entry) async throws(AuditError) -> Act<Page<RecordedEvent>> in
      if case .account(let other) = query.reach {
        entry.show(in: other)
        entry.set(Receipt.Target(type: "audit-event", id: other.text))
      }
      if let since = query.since, let until = query.until, since > until {
        throw .invalid(.since, reason: "is later than 'until'")
      }
      try query.check()
      let request = try Self.page(size: size, token: token, of: query, by: caller)
      let events = try await store.events(
        of: query.account(readBy: caller.userID), matching: query, below: request.position,
        limit: request.limit + 1)
      let page = request.page(of: events) { recorded in
        PagePosition(
          timeMicroseconds: recorded.event.time.microsecondsSince1970,
          sequence: recorded.sequence)
      }
      return query.reach == .own ? .looked(page) : .succeeded(page)
    }
  }

  /// Counts the matching events of the caller's log between each boundary and the next; partial
  /// when there are more than are counted, which are the newest.
  package func counts(
    of query: EventQuery, between boundaries: [Date], by grouping: EventGrouping,
    for caller: Caller, from origin: CallOrigin
  ) async throws(AuditError) -> (counts: [EventCount], isPartial: Bool) {
    try await door.perform(.auditEventList, by: .caller(caller), from: origin) {
      (_) async throws(AuditError) -> Act<(counts: [EventCount], isPartial: Bool)> in
      guard (2...Self.intervalsMax + 1).contains(boundaries.count) else {
        throw .invalid(.boundaries, reason: "must be 2 to \(Self.intervalsMax + 1)")
      }
      let times = boundaries.map(\.microsecondsSince1970)
      guard zip(times, times.dropFirst()).allSatisfy({ $0 < $1 }) else {
        throw .invalid(.boundaries, reason: "must ascend")
      }
      try query.check()
      let counts = try await store.counts(
        of: caller.userID, matching: query, between: times, by: grouping,
        eventsMax: Self.countedEventsMax)
      let total = counts.reduce(0) { $0 + $1.count }
      return .looked((counts, total >= Self.countedEventsMax))
    }
  }

  private static func page(
    size: Int, token: String, of query: EventQuery, by caller: Caller
  ) throws(AuditError) -> PageRequest {
    do {
      return try PageRequest(size: size, token: token, of: query.name(for: caller.userID))
    } catch {
      throw .invalid(error == .size ? .pageSize : .pageToken, reason: error.reason)
    }
  }

  /// Takes the person out of some further entries of an account that is no more, and out of those
  /// that arrive from now on; says whether none is left. With the last it leaves an entry.
  package func eraseAccount(
    _ id: String, by service: String
  ) async throws(AuditError) -> (events: Int, isComplete: Bool) {
    try await door.perform(.accountErase, by: .service(service), from: CallOrigin()) {
      (entry) async throws(AuditError) -> Act<(events: Int, isComplete: Bool)> in
      guard let account = UserID(id) else {
        throw .invalid(.accountID, reason: "must be the id of an account")
      }
      entry.show(in: account)
      entry.set(Receipt.Target(type: "account", id: account.text))
      return .committed(
        try await store.eraseAccount(
          account, eventsMax: Self.erasedEventsMax,
          event: AuditEvent(entry.success(at: door.now), source: Self.name)))
    }
  }

  /// Records that a peer called a method that is not for it.
  package func refuse(peer: String, method: String) async throws(AuditError) {
    try await door.refuse(
      .peerCall, by: .service(peer), from: CallOrigin(), on: .method(method),
      because: .peerNotAllowed)
  }
}
