import Audit
import Cryptography
import Encodings
import Foundation
import Identity
import LocalDeployment
import Postgres
import Receipts
import TestSupport
import Testing
import TransparencyLog
import UseCases

@testable import AuditServer

/// The tree on a real PostgreSQL, and what its readers are given.
@Suite struct LogIntegratorTests {
  private let owner = UserID(UUID())
  private let other = UserID(UUID())

  private func events(_ count: Int, from start: Int = 0) -> [AuditEvent] {
    (start..<start + count).map { index in
      var event = AuditEvent.sample(
        index % 5 == 4 ? nil : index % 2 == 0 ? owner : other, second: Double(index))
      if let account = event.accountID { event.actor.id = account.text }
      event.details = #"{"number": \#(index), "name": "O'Hara \"ünï\" 💥", "list": [1.50, null]}"#
      return event
    }
  }

  @Test func everyEntryOfAnAccountIsProvedPageByPage() async throws {
    try await AuditDatabase.with { database in
      let log = try TestLog(database)
      for start in stride(from: 0, to: 700, by: 140) {
        try await log.add(events(140, from: start))
      }
      let checkpoint = try await log.checkpoint()
      #expect(checkpoint.size == 700)
      let file = try await log.export(owner, pageSize: 33)
      #expect(file.count == 281)
      #expect(try log.fault(in: file, leaves: try await log.leaves()) == nil)
      #expect(try await log.export(owner) == file)
      // Somebody without an entry has a file that says so.
      let nobody = try await log.export(UserID(UUID()))
      #expect(nobody.count == 1)
      #expect(try log.fault(in: nobody, leaves: try await log.leaves()) == nil)
    }
  }

  @Test func longEntriesComeInPagesThatAMessageHolds() async throws {
    try await AuditDatabase.with { database in
      let log = try TestLog(database)
      var events = events(250)
      for index in events.indices {
        events[index].details = #"{"text": "\#(String(repeating: "\u{1}", count: 2_500))"}"#
          .replacing("\u{1}", with: #"\u0001"#)
      }
      try await log.add(events)
      var query = Audit.AuditService.ProofQuery()
      var lines = 0
      while true {
        let page = try await log.audit.proofs(query, for: log.caller(owner), from: CallOrigin())
        #expect(page.lines.reduce(0) { $0 + $1.count } < 2 << 20)
        lines += page.lines.count
        guard let next = page.next else { break }
        (query.behind, query.size) = (next, page.size)
      }
      #expect(lines == 100)
      #expect(try log.fault(in: try await log.export(owner)) == nil)
    }
  }

  @Test func oneEntryIsProvedAloneAndNobodyElsesIs() async throws {
    try await AuditDatabase.with { database in
      let log = try TestLog(database)
      let events = events(20)
      try await log.add(events)
      var query = Audit.AuditService.ProofQuery()
      query.id = events[2].id
      let page = try await log.audit.proofs(query, for: log.caller(owner), from: CallOrigin())
      let file = [try #require(page.header)] + page.lines
      #expect(page.next == nil)
      #expect(try log.fault(in: file) == nil)
      query.id = events[1].id
      await #expect(throws: AuditError.notFound) {
        try await log.audit.proofs(query, for: log.caller(owner), from: CallOrigin())
      }
    }
  }

  @Test func aLaterExportContinuesTheEarlierOne() async throws {
    try await AuditDatabase.with { database in
      let log = try TestLog(database)
      try await log.add(events(300))
      let old = try await log.checkpoint()
      try await log.add(events(333, from: 300))
      let file = try await log.export(owner, since: old.size)
      var reader = try ProofReader(header: file[0], key: log.signer.publicKey)
      for line in file.dropFirst() { try reader.read(line) }
      #expect(try reader.continues(old) == true)
    }
  }

  @Test func severalInstancesAppendAndIntegrateAtOnceWithoutGaps() async throws {
    try await AuditDatabase.with { database in
      let log = try TestLog(database)
      let batches = (0..<24).map { events(25, from: $0 * 25) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for part in 0..<3 {
          group.addTask {
            for batch in batches[part * 8..<part * 8 + 8] {
              _ = try await database.store.append(batch)
              try await log.integrator.integrate()
            }
          }
        }
        try await group.waitForAll()
      }
      while try await log.integrator.integrate() > 0 {}
      #expect(try await log.checkpoint().size == 600)
      for account in [owner, other] {
        #expect(
          try log.fault(in: try await log.export(account), leaves: try await log.leaves()) == nil)
      }
    }
  }

  @Test func anEntryIsSignedAMomentAfterItWasAppended() async throws {
    try await AuditDatabase.with { database in
      let log = try TestLog(database)
      let integrator = log.integrator
      let running = Task { try await integrator.run() }
      defer { running.cancel() }
      _ = try await database.store.append(events(3))
      // As long as it takes: how long that is, docs/verify-the-log.md tells of a measurement.
      while (try? await log.checkpoint())?.size != 3 {
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(try log.fault(in: try await log.export(owner)) == nil)
    }
  }

  @Test func tilesAreThoseOfTheTreeAndNoneIsThereTooEarly() async throws {
    try await AuditDatabase.with { database in
      let log = try TestLog(database)
      await #expect(throws: AuditError.notFound) { try await log.audit.checkpoint(for: "gateway") }
      try await log.add(events(300))
      let leaves = try await log.leaves()
      let first = try await log.audit.tile(TileID(level: 0, index: 0), width: 256, for: "gateway")
      #expect(first == leaves[..<256].flatMap { MerkleHash.ofLeaf($0).bytes })
      let second = try await log.audit.tile(TileID(level: 0, index: 1), width: 44, for: "gateway")
      #expect(second == leaves[256...].flatMap { MerkleHash.ofLeaf($0).bytes })
      let above = try await log.audit.tile(TileID(level: 1, index: 0), width: 1, for: "gateway")
      #expect(
        above == MerkleHash.ofComplete(leaves[..<256].map(MerkleHash.ofLeaf))?.bytes)
      for (tile, width) in [(TileID(level: 0, index: 1), 45), (TileID(level: 0, index: 2), 1)] {
        await #expect(throws: AuditError.notFound) {
          try await log.audit.tile(tile, width: width, for: "gateway")
        }
      }
      await #expect(throws: AuditError.notFound) {
        try await log.audit.leaves(ofBundle: 1, width: 45, for: "gateway")
      }
      await #expect(throws: AuditError.invalid(.width, reason: "must be 1 to 256")) {
        try await log.audit.tile(TileID(level: 0, index: 0), width: 257, for: "gateway")
      }
      await #expect(throws: AuditError.invalid(.index, reason: "is beyond any log's end")) {
        try await log.audit.leaves(ofBundle: .max, width: 1, for: "gateway")
      }
      await #expect(throws: AuditError.self) {
        try await log.audit.tile(TileID(level: 0, index: 0), width: 1, for: "vault")
      }
    }
  }

  @Test func aLogWithoutAKeySaysThatItIsNotSigned() async throws {
    try await AuditDatabase.with { database in
      let audit = Audit.AuditService(store: database.store)
      await #expect(throws: AuditError.unsigned) { try await audit.checkpoint(for: "gateway") }
    }
  }

  @Test func anErasedAccountsEntriesAreStillProvedAndTellNothing() async throws {
    try await AuditDatabase.with { database in
      let log = try TestLog(database)
      try await log.add(events(60))
      // What is erased before it has a leaf, and what comes late.
      _ = try await database.store.append(events(20, from: 60))
      while try await !log.audit.eraseAccount(owner.text, by: "auth").isComplete {}
      try await log.add(events(20, from: 80))
      let salts: [Int] = try await database.superuser.all(
        """
        SELECT count(*)::int AS kept FROM audit.log_leaves AS l
          JOIN audit.events AS e ON e.sequence = l.sequence
         WHERE e.account_id = \(owner.uuid) AND l.sequence <= 60 AND l.salt IS NOT NULL
        """
      ) { (row) throws(PostgresError) in try row.decode("kept") }
      #expect(salts == [0])
      for account in [owner, other] {
        let file = try await log.export(account)
        #expect(try log.fault(in: file, leaves: try await log.leaves()) == nil)
        var reader = try ProofReader(header: file[0], key: log.signer.publicKey)
        for line in file.dropFirst() { try reader.read(line) }
        #expect(reader.erased == (account == owner ? 24 : 0))
        if account == owner {
          #expect(!String(decoding: file.joined(), as: UTF8.self).contains("192.0.2.1"))
        }
      }
    }
  }

  @Test func whatAnotherImplementationMakesOfTheFileIsTheSame() async throws {
    try await AuditDatabase.with { database in
      let log = try TestLog(database)
      try await log.add(events(270))
      let old = try await log.checkpoint()
      try await log.add(events(120, from: 270))
      let directory = NSTemporaryDirectory() + "log-\(UUID().uuidString)"
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: directory) }
      let file = try await log.export(owner, since: old.size)
      try Data(file.joined(separator: [UInt8(ascii: "\n")]))
        .write(to: URL(fileURLWithPath: directory + "/file"))
      try Data(LeafBundle.encode(try await log.leaves()))
        .write(to: URL(fileURLWithPath: directory + "/leaves"))
      let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Python/verify_log.py").path
      let (exit, output) = try await Python.run(
        script,
        [
          directory + "/file", directory + "/leaves", log.signer.publicKey.text,
          Hex.encode(old.root.bytes),
        ])
      #expect(exit == .code(0), "\(output)")
      #expect(output.contains("156 entries hold in a tree of 390"), "\(output)")
    }
  }
}
