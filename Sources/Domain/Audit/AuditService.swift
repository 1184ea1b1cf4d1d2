/// The use cases of the audit log.
package struct AuditService: Sendable {
  /// Events of one append.
  package static let batchEventsMax = 500
  /// Events of one page, and how many come when the reader doesn't say.
  package static let pageEventsMax = 200
  package static let pageEventsDefault = 50

  private let store: any AuditStore

  package init(store: any AuditStore) {
    self.store = store
  }

  /// Keeps a batch, each id once, all or nothing; returns how many events were new.
  package func append(_ events: [AuditEvent]) async throws(AuditError) -> Int {
    guard events.count <= Self.batchEventsMax else {
      throw .invalid(.events, reason: "holds more than \(Self.batchEventsMax) events")
    }
    for (index, event) in events.enumerated() {
      do {
        try event.check()
      } catch {
        throw .invalidEvent(index: index, error)
      }
    }
    guard !events.isEmpty else { return 0 }
    return try await store.append(events)
  }

  /// Reads one page, newest first; `size` 0 means the default, `token` empty the first page.
  package func page(
    of query: EventQuery, size: Int, token: String
  ) async throws(AuditError) -> EventPage {
    guard (0...Self.pageEventsMax).contains(size) else {
      throw .invalid(.pageSize, reason: "must be 1 to \(Self.pageEventsMax), or 0 for the default")
    }
    if let since = query.since, let until = query.until, since > until {
      throw .invalid(.since, reason: "is later than 'until'")
    }
    let position = token.isEmpty ? nil : try EventPageToken(token, query: query).position
    let limit = size == 0 ? Self.pageEventsDefault : size
    // One more than wanted tells whether there is a next page.
    let events = try await store.events(matching: query, below: position, limit: limit + 1)
    guard events.count > limit, let last = events.prefix(limit).last else {
      return EventPage(events: events, nextPageToken: nil)
    }
    return EventPage(
      events: Array(events.prefix(limit)),
      nextPageToken: EventPageToken(position: EventPosition(last), query: query).text)
  }
}
