import Audit
import Foundation
import Identity
import Postgres
import Receipts
import TestSupport
import Testing

@testable import AuditServer

/// Entries of an account that is no more.
@Suite struct ErasureTests {
  private let gone = UserID(UUID())
  private let admin = UserID(UUID())
  private let other = UserID(UUID())

  private func event(
    by actor: UserID, in account: UserID?, second: Double = 0, details: String = "{}"
  ) -> AuditEvent {
    var event = AuditEvent.sample(account, second: second)
    event.actor = .init(type: "user", id: actor.text, name: "\(actor.text)@example.org")
    event.details = details
    return event
  }

  private func erase(_ database: AuditDatabase) async throws -> Int {
    let audit = AuditService(store: database.store)
    var calls = 0
    repeat { calls += 1 } while try await !audit.eraseAccount(gone.text, by: "auth").isComplete
    return calls
  }

  private func entries(_ database: AuditDatabase, of account: UserID?) async throws -> [AuditEvent]
  {
    try await database.store.events(
      of: account, matching: EventQuery(), below: nil, limit: 10_000
    ).map(\.event)
  }

  @Test func whatTellsOfAPersonGoesAndTheEntryStays() async throws {
    try await AuditDatabase.with { database in
      let details = #"""
        {"credential": "session", "credentialId": "c-1", "purpose": "POST /v1/ann", "status": 200,
         "email": "ann@example.org", "atOnce": true, "reason": "wrong-password"}
        """#
      let own = event(by: gone, in: gone, details: details)
      var stranger = event(by: gone, in: gone, second: 1)
      stranger.actor = .anonymous
      let byAdmin = event(by: admin, in: gone, second: 2, details: details)
      let asAdmin = event(by: gone, in: other, second: 3)
      let untouched = event(by: other, in: other, second: 4, details: details)
      _ = try await database.store.append([own, stranger, byAdmin, asAdmin, untouched])
      _ = try await erase(database)

      let kept = try await entries(database, of: nil)
      let byID = Dictionary(uniqueKeysWithValues: kept.map { ($0.id, $0) })
      func now(_ event: AuditEvent) throws -> AuditEvent {
        let found = byID[event.id]
        return try #require(found)
      }
      let ownNow = try now(own)
      #expect(ownNow.actor.name == "deleted account" && ownNow.actor.id == gone.text)
      #expect(ownNow.ipAddress + ownNow.userAgent + ownNow.requestID + ownNow.target.name == "")
      #expect(ownNow.action == own.action && ownNow.time == own.time)
      #expect(ownNow.target.id == own.target.id && ownNow.outcome == own.outcome)
      for word in ["ann", "purpose", "email"] { #expect(!ownNow.details.contains(word)) }
      for word in ["credentialId", "c-1", "200", "atOnce", "wrong-password"] {
        #expect(ownNow.details.contains(word))
      }
      #expect(try now(stranger).ipAddress == "")
      // The admin is another person, and did it.
      #expect(try now(byAdmin).actor == byAdmin.actor)
      #expect(try now(byAdmin).ipAddress == byAdmin.ipAddress)
      #expect(try now(byAdmin).target.name == "")
      #expect(try now(asAdmin).actor.name == "deleted account")
      #expect(try now(asAdmin).target == asAdmin.target)
      #expect(try now(untouched).actor == untouched.actor)
      #expect(try now(untouched).target == untouched.target)
      // The numbers stay without a gap, and the log says what was done to it, once.
      #expect(try await database.sequences() == [1, 2, 3, 4, 5, 6])
      #expect(kept.count { $0.action == "account.erase" } == 1)
      _ = try await erase(database)
      #expect(try await database.sequences() == [1, 2, 3, 4, 5, 6])
    }
  }

  @Test func anEntryThatArrivesLateIsEmptiedToo() async throws {
    try await AuditDatabase.with { database in
      _ = try await erase(database)
      let late = event(by: gone, in: gone)
      let elsewhere = event(by: gone, in: other, second: 1)
      _ = try await database.store.append([late, elsewhere, event(by: other, in: other)])
      // A second delivery changes nothing.
      #expect(try await database.store.append([late]) == 0)
      let kept = try await entries(database, of: nil)
      let names = kept.filter { $0.actor.id == gone.text }.map(\.actor.name)
      #expect(names == ["deleted account", "deleted account"])
      #expect(kept.contains { $0.actor.name == "\(other.text)@example.org" })
    }
  }

  @Test func aLongLogIsGoneThroughInParts() async throws {
    try await AuditDatabase.with { database in
      try await database.superuser.execute(
        """
        INSERT INTO audit.events
               (sequence, id, time, actor_type, actor_id, actor_name, action, target_type,
                target_id, target_name, outcome, ip_address, user_agent, request_id, details,
                source, account_id)
        SELECT n, gen_random_uuid(), now() - n * interval '1 second', 'user', \(gone.text),
               'ann@example.org', 'credential.resolve', 'provider-config', '1', 'openai/ann', 1,
               '192.0.2.1', 'curl/8', 'r', '{"purpose": "POST /v1"}', 'vault', \(gone.uuid)
          FROM generate_series(1, 4500) AS n
        """)
      // Three parts of at most 2,000, one that finds the end.
      #expect(try await erase(database) == 4)
      let left = try await database.superuser.first(
        """
        SELECT count(*) AS count FROM audit.events
         WHERE to_jsonb(events)::text ~ 'ann@|192[.]0[.]2[.]1|curl/8|/ann|/v1'
        """
      ) { row throws(PostgresError) in try row.decode("count", as: Int.self) }
      #expect(left == 0)
    }
  }

  @Test func theServiceItselfCanChangeNoOtherEntry() async throws {
    try await AuditDatabase.with { database in
      _ = try await database.store.append([event(by: other, in: other)])
      await #expect(throws: PostgresError.self) {
        try await database.postgres.execute("UPDATE events SET actor_name = 'nobody'")
      }
      await #expect(throws: PostgresError.self) {
        try await database.postgres.execute(
          "SELECT erase_person(\(other.uuid), ARRAY[1]::bigint[])")
      }
      await #expect(throws: AuditError.self) {
        try await AuditService(store: database.store).eraseAccount(other.text, by: "gateway")
      }
      #expect(try await entries(database, of: other).first?.ipAddress == "192.0.2.1")
    }
  }
}
