import Audit
import Foundation
import Identity
import Postgres
import Receipts
import Testing
import UseCases

@testable import AuditServer

/// The log on a real PostgreSQL.
@Suite struct PostgresAuditStoreTests {
  private let owner = UserID(UUID())

  @Test func anEventComesBackAsItWentIn() async throws {
    try await AuditDatabase.with { database in
      var event = AuditEvent.sample(owner, outcome: .denied, second: 0.123_456)
      event.actor.name = "O'Hara \"quoted\" ünï 💥 \\ {NULL},"
      event.details = #"{"n": 1, "t": "a\"b\\u0000", "x": [true, null]}"#
      #expect(try await database.store.append([event]) == 1)
      let kept = try await database.store.events(
        of: owner, matching: EventQuery(), below: nil, limit: 10)
      #expect(kept.map(\.sequence) == [1])
      var found = try #require(kept.first?.event)
      #expect(found.time.microsecondsSince1970 == event.time.microsecondsSince1970)
      found.time = event.time
      #expect(found == event)
    }
  }

  @Test func concurrentAppendsWithDuplicatesKeepEachEventOnceWithoutGaps() async throws {
    try await AuditDatabase.with { database in
      let events = (0..<300).map { AuditEvent.sample(owner, second: Double($0)) }
      let store = database.store
      let appended = try await withThrowingTaskGroup(of: Int.self) { group in
        // Every event is in two batches, and every batch repeats its first event.
        for start in stride(from: 0, to: 300, by: 30) {
          for shift in [0, 15] {
            let batch = (0..<30).map { events[(start + shift + $0) % 300] }
            group.addTask { try await store.append(batch + batch.prefix(1)) }
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(appended == 300)
      #expect(try await database.sequences() == Array(1...300))
      #expect(try await store.append(events) == 0)
    }
  }

  @Test func aFailedAppendLeavesNoGap() async throws {
    try await AuditDatabase.with { database in
      var bad = AuditEvent.sample(owner)
      bad.details = "not JSON"
      let error = await #expect(throws: AuditError.self) {
        try await database.store.append([.sample(owner), bad])
      }
      // The batch is at fault, not the log: whoever sends it must not just send it again.
      guard case .unstorable = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      _ = try await database.store.append([.sample(owner), .sample(nil)])
      #expect(try await database.sequences() == [1, 2])
    }
  }

  @Test func pagesUnderEveryFilterHoldEachEventOnceNewestFirst() async throws {
    try await AuditDatabase.with { database in
      let audit = AuditService(store: database.store)
      // Several in each second, so that the sequence has to decide.
      for index in 0..<60 {
        _ = try await audit.append(
          [
            .sample(
              owner, action: index % 3 == 0 ? "session.create" : "provider-config.create",
              outcome: index % 2 == 0 ? .success : .failure, second: Double(index / 4)),
            .sample(UserID(UUID()), second: Double(index)),
          ], by: "vault")
      }
      let start = Date(timeIntervalSince1970: 1_700_000_000)
      let filters: [(UserID, EventQuery, Int)] = [
        (owner, EventQuery(), 60),
        (owner, EventQuery(action: .exactly("session.create")), 20),
        (owner, EventQuery(action: .startingWith("provider-config.")), 40),
        (owner, EventQuery(outcome: .failure), 30),
        (owner, EventQuery(since: start + 5, until: start + 10), 20),
        (owner, EventQuery(action: .exactly("session.create"), outcome: .failure), 10),
        (UserID(UUID()), EventQuery(), 0),
      ]
      for (account, query, expected) in filters {
        let reader = Caller(
          userID: account, email: "owner@example.org", credential: .session(UUID()))
        var seen: [PagePosition] = []
        var token = ""
        repeat {
          let page = try await audit.page(
            of: query, size: 7, token: token, for: reader, from: CallOrigin())
          #expect(page.elements.allSatisfy { $0.event.accountID == account })
          seen += page.elements.map {
            PagePosition(
              timeMicroseconds: $0.event.time.microsecondsSince1970, sequence: $0.sequence)
          }
          token = page.nextPageToken ?? ""
        } while !token.isEmpty
        #expect(seen.count == expected)
        #expect(Set(seen).count == expected)
        let ordered = seen.sorted {
          ($0.timeMicroseconds, $0.sequence) > ($1.timeMicroseconds, $1.sequence)
        }
        #expect(seen == ordered)
      }
    }
  }

  @Test func filtersFindWhatWasDoneWithWhatAndFromWhere() async throws {
    try await AuditDatabase.with { database in
      let credential = UUID()
      var ofToken = AuditEvent.sample(owner, second: 1)
      ofToken.details = #"{"credential":"access-token","credentialId":"\#(credential.text)"}"#
      var ofKey = AuditEvent.sample(owner, second: 2)
      ofKey.target = .init(type: "provider-config", id: "key-2", name: "anthropic/Team%_")
      var fromElsewhere = AuditEvent.sample(owner, second: 3)
      fromElsewhere.ipAddress = "2001:db8::7"
      let events = [ofToken, ofKey, fromElsewhere, .sample(UserID(UUID()))]
      _ = try await database.store.append(events)
      func found(_ change: (inout EventQuery) -> Void) async throws -> [UUID] {
        var query = EventQuery()
        change(&query)
        return try await database.store.events(of: owner, matching: query, below: nil, limit: 9)
          .map(\.event.id)
      }
      #expect(try await found { $0.credentialID = credential } == [ofToken.id])
      #expect(try await found { $0.credentialID = UUID() } == [])
      #expect(try await found { $0.targetID = "key-2" } == [ofKey.id])
      #expect(try await found { $0.ipAddress = "2001:db8::7" } == [fromElsewhere.id])
      #expect(try await found { $0.id = ofKey.id } == [ofKey.id])
      #expect(try await found { $0.id = events[3].id } == [])
      // Text, not a pattern, and without regard to case.
      #expect(try await found { $0.text = "team%_" } == [ofKey.id])
      #expect(try await found { $0.text = "%" } == [ofKey.id])
      #expect(try await found { $0.text = "V1/MODELS" } == [fromElsewhere.id, ofKey.id])
    }
  }

  @Test func countsAreByIntervalOutcomeAndTarget() async throws {
    try await AuditDatabase.with { database in
      let audit = AuditService(store: database.store)
      let start = 1_700_000_000.0
      var events: [AuditEvent] = []
      for second in 0..<30 {
        var event = AuditEvent.sample(
          owner, outcome: second % 10 == 0 ? .failure : .success, second: Double(second))
        event.target.id = second % 2 == 0 ? "a" : "b"
        events.append(event)
      }
      _ = try await audit.append(events + [.sample(UserID(UUID()), second: 5)], by: "vault")
      let reader = Caller(
        userID: owner, email: "owner@example.org", credential: .session(UUID()))
      let boundaries = [0.0, 10, 20].map { Date(timeIntervalSince1970: start + $0) }
      let plain = try await audit.counts(
        of: EventQuery(), between: boundaries, by: .none, for: reader, from: CallOrigin())
      #expect(!plain.isPartial)
      #expect(
        plain.counts
          == [0, 1].flatMap { interval in
            [
              EventCount(interval: interval, outcome: .success, targetID: "", count: 9),
              EventCount(interval: interval, outcome: .failure, targetID: "", count: 1),
            ]
          })
      let apart = try await audit.counts(
        of: EventQuery(outcome: .success), between: boundaries, by: .target, for: reader,
        from: CallOrigin())
      #expect(apart.counts.map(\.count) == [4, 5, 4, 5])
      #expect(apart.counts.map(\.targetID) == ["a", "b", "a", "b"])
      let newest = try await database.store.counts(
        of: owner, matching: EventQuery(), between: boundaries.map(\.microsecondsSince1970),
        by: .none, eventsMax: 3)
      #expect(newest.map(\.interval) == [1])
      #expect(newest.map(\.count) == [3])
    }
  }

  @Test func whatUsesTookIsAddedUpByModel() async throws {
    try await AuditDatabase.with { database in
      let details = [
        #"{"model":"m","inputTokens":1203,"outputTokens":88,"cachedTokens":3,"costNanodollars":5}"#,
        #"{"model":"m","inputTokens":7,"outputTokens":0,"cachedTokens":0}"#,
        #"{"model":"other","inputTokens":"12","outputTokens":-4,"costNanodollars":1e300}"#,
        #"{"model":7,"inputTokens":null}"#, "[]",
      ]
      let events = details.enumerated().map { index, details in
        var event = AuditEvent.sample(owner, second: Double(index))
        event.details = details
        return event
      }
      _ = try await database.store.append(events)
      let start: Int64 = 1_700_000_000_000_000
      let counts = try await database.store.counts(
        of: owner, matching: EventQuery(), between: [start, start + 60_000_000], by: .model,
        eventsMax: 100)
      #expect(counts.map(\.model) == ["", "7", "m", "other"])
      #expect(counts.map(\.count) == [1, 1, 2, 1])
      var taken = TakenTokens()
      (taken.input, taken.output, taken.cached, taken.nanodollars) = (1_210, 88, 3, 5)
      (taken.meteredCount, taken.pricedCount) = (2, 1)
      #expect(counts.map(\.taken) == [TakenTokens(), TakenTokens(), taken, TakenTokens()])
    }
  }

  @Test func theRunTimeRoleCanOnlyReadAndAdd() async throws {
    try await AuditDatabase.with { database in
      _ = try await database.store.append([.sample(owner)])
      for statement: PostgresQuery in [
        "UPDATE events SET action = 'x'", "DELETE FROM events", "TRUNCATE events",
        "DROP TABLE events", "ALTER TABLE events DISABLE TRIGGER ALL",
        "CREATE TABLE audit.mine (id int)",
      ] {
        let error = await #expect(throws: PostgresError.self) {
          try await database.postgres.execute(statement)
        }
        guard case .server(let refusal) = error, refusal.sqlState == .insufficientPrivilege else {
          Issue.record("\(statement): \(String(describing: error))")
          continue
        }
      }
      #expect(try await database.sequences() == [1])
    }
  }

  @Test func aPageIsReadInOrderFromAnIndex() async throws {
    try await AuditDatabase.with { database in
      for _ in 0..<4 {
        _ = try await database.store.append(
          (0..<500).map { .sample(UserID(UUID()), second: Double($0)) })
      }
      try await database.superuser.execute("ANALYZE audit.events")
      let plan = try await database.superuser.all(
        """
        EXPLAIN SELECT sequence FROM audit.events
         WHERE account_id = \(owner.uuid) AND (time, sequence) < (now(), 5)
         ORDER BY time DESC, sequence DESC LIMIT 51
        """
      ) { (row) throws(PostgresError) in try row.decode(0, as: String.self) }
      #expect(plan.contains { $0.contains("events_page") })
      #expect(!plan.contains { $0.contains("Sort") })
    }
  }
}
