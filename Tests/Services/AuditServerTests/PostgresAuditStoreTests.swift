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
