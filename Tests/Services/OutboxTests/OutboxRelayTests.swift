import Foundation
import Identity
import LocalDeployment
import Logging
import NIOPosix
import Postgres
import Protobuf
import RPC
import RPCInProcess
import Receipts
import ServiceAPI
import Synchronization
import TestSupport
import Testing

@testable import Outbox

/// The way of receipts from a real database to a log that misbehaves on demand.
@Suite struct OutboxRelayTests {
  private func withOutbox(
    _ body: (_ postgres: PostgresClient, _ outbox: PostgresOutbox, _ log: FakeAuditLog)
      async throws -> Void
  ) async throws {
    var configuration = try await TestPostgres.shared.database()
    // Time for a machine on which every other test runs too.
    configuration.acquireTimeout = .seconds(120)
    configuration.connectTimeout = .seconds(120)
    configuration.queryTimeout = .seconds(120)
    configuration.transactionTimeout = .seconds(120)
    let postgres = PostgresClient(
      configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: .quiet)
    let name = configuration.parameters.first { $0.name == "dbname" }?.value ?? ""
    // The superuser owns and uses the tables here; who may do what is the services' tests' matter.
    let migration = OutboxSchema.migration(number: 1, runtimeRole: "chatelaine")
    try await TestPostgres.shared.cluster().runScript(migration.sql, database: name)
    do {
      try await body(postgres, PostgresOutbox(), FakeAuditLog())
      await postgres.close()
    } catch {
      await postgres.close()
      throw error
    }
  }

  private func relay(
    _ postgres: PostgresClient, _ outbox: PostgresOutbox, _ log: FakeAuditLog
  ) -> OutboxRelay {
    OutboxRelay(
      outbox: outbox, postgres: postgres, audit: InProcessChannel(services: [log]),
      logger: .quiet)
  }

  private func receipt(_ name: String = "openai/default") -> Receipt {
    let owner = UserID(UUID())
    return Receipt(
      actor: .user(owner, email: "owner@example.org"), action: .credentialResolve,
      target: Receipt.Target(type: "provider-config", id: "1", name: name), outcome: .success,
      origin: CallOrigin(ipAddress: "192.0.2.1", userAgent: "ünï", requestID: "r-1"),
      details: ["purpose": .text("test"), "count": .number(3), "flag": .flag(true)],
      accountID: owner)
  }

  private func waiting(_ postgres: PostgresClient) async throws -> Int {
    try await count("SELECT count(*) FROM outbox", postgres)
  }

  private func setAside(_ postgres: PostgresClient) async throws -> Int {
    try await count("SELECT count(*) FROM outbox_set_aside", postgres)
  }

  private func count(_ query: PostgresQuery, _ postgres: PostgresClient) async throws -> Int {
    try await postgres.first(query) { (row) throws(PostgresError) in try row.decode(0) } ?? -1
  }

  @Test func aReceiptArrivesWithEverythingItSays() async throws {
    try await withOutbox { postgres, outbox, log in
      let receipt = receipt()
      try await postgres.transaction { try await outbox.insert(receipt, in: $0) }
      try await relay(postgres, outbox, log).deliverAll()
      let event = try #require(log.kept.first)
      #expect(event.id == receipt.id.uuidString.lowercased())
      #expect(event.action == "credential.resolve")
      #expect(event.actor?.type == "user")
      #expect(event.actor?.name == "owner@example.org")
      #expect(event.accountId == receipt.accountID?.text)
      #expect(event.userAgent == "ünï")
      #expect(
        event.details?.fields == [
          "purpose": .string("test"), "count": .number(3), "flag": .bool(true),
        ])
      #expect(try await waiting(postgres) == 0)
    }
  }

  @Test func aRolledBackChangeLeavesNoReceipt() async throws {
    try await withOutbox { postgres, outbox, log in
      await #expect(throws: CancellationError.self) {
        try await postgres.transaction { transaction in
          try await outbox.insert(receipt(), in: transaction)
          throw CancellationError()
        }
      }
      try await relay(postgres, outbox, log).deliverAll()
      #expect(log.kept.isEmpty)
    }
  }

  @Test func manyReceiptsTravelInBatchesInOrder() async throws {
    try await withOutbox { postgres, outbox, log in
      let receipts = (0..<1_203).map { receipt("\($0)") }
      try await outbox.insert(receipts, in: postgres)
      try await relay(postgres, outbox, log).deliverAll()
      #expect(log.kept.map(\.target?.name) == receipts.map(\.target.name))
      #expect(log.batchSizes == [500, 500, 203])
    }
  }

  @Test func whileTheLogIsDownReceiptsWait() async throws {
    try await withOutbox { postgres, outbox, log in
      try await outbox.insert((0..<10).map { receipt("\($0)") }, in: postgres)
      for code in [RPCError.Code.unavailable, .deadlineExceeded, .permissionDenied, .internal] {
        log.misbehave { _ in .refuse(RPCError(code, "down")) }
        await #expect(throws: (any Error).self) {
          try await relay(postgres, outbox, log).deliverAll()
        }
        #expect(try await waiting(postgres) == 10)
        #expect(try await setAside(postgres) == 0)
      }
      log.misbehave { _ in .obey }
      try await relay(postgres, outbox, log).deliverAll()
      #expect(log.kept.count == 10)
      #expect(try await waiting(postgres) == 0)
    }
  }

  @Test func aLostAcknowledgementLeadsToADuplicateThatTheLogKnows() async throws {
    try await withOutbox { postgres, outbox, log in
      try await outbox.insert((0..<10).map { receipt("\($0)") }, in: postgres)
      log.misbehave { _ in .keepAndRefuse(RPCError(.unavailable, "cut off")) }
      await #expect(throws: (any Error).self) {
        try await relay(postgres, outbox, log).deliverAll()
      }
      log.misbehave { _ in .obey }
      try await relay(postgres, outbox, log).deliverAll()
      #expect(log.batchSizes == [10, 10])
      #expect(log.kept.count == 10)
      #expect(try await waiting(postgres) == 0)
    }
  }

  @Test func aRelayThatDiesBeforeItDeletesLeavesTheRows() async throws {
    try await withOutbox { postgres, outbox, log in
      try await outbox.insert((0..<10).map { receipt("\($0)") }, in: postgres)
      try await postgres.execute(
        """
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN OLD; END $$
        """)
      try await postgres.execute(
        "CREATE TRIGGER die BEFORE DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION die()")
      await #expect(throws: (any Error).self) {
        try await relay(postgres, outbox, log).deliverAll()
      }
      #expect(try await waiting(postgres) == 10)
      try await postgres.execute("DROP TRIGGER die ON outbox")
      try await relay(postgres, outbox, log).deliverAll()
      #expect(log.kept.count == 10)
      #expect(try await waiting(postgres) == 0)
    }
  }

  @Test func oneBadReceiptNeverHoldsUpTheOthers() async throws {
    try await withOutbox { postgres, outbox, log in
      try await outbox.insert((0..<100).map { receipt("\($0)") }, in: postgres)
      try await postgres.execute("INSERT INTO outbox (event) VALUES ('\\xffffff'::bytea)")
      try await outbox.insert([receipt("last")], in: postgres)
      log.misbehave { event in
        event.target?.name == "37" ? .refuse(RPCError(.invalidArgument, "bad")) : .obey
      }
      try await relay(postgres, outbox, log).deliverAll()
      #expect(log.kept.count == 100)
      #expect(Set(log.kept.map(\.id)).count == 100)
      #expect(try await waiting(postgres) == 0)
      #expect(try await setAside(postgres) == 2)
    }
  }

  @Test func aReceiptThatTheLogFailsOnIsPutOff() async throws {
    try await withOutbox { postgres, outbox, log in
      try await outbox.insert((0..<20).map { receipt("\($0)") }, in: postgres)
      log.misbehave { event in
        event.target?.name == "7" ? .refuse(RPCError(.internal, "bug")) : .obey
      }
      try await relay(postgres, outbox, log).deliverAll()
      #expect(log.kept.count == 19)
      let putOff = try await count(
        "SELECT count(*) FROM outbox WHERE attempts = 1 AND retry_time > create_time", postgres)
      #expect(putOff == 1)
      log.misbehave { _ in .obey }
      try await postgres.execute("UPDATE outbox SET retry_time = now()")
      try await relay(postgres, outbox, log).deliverAll()
      #expect(log.kept.count == 20)
    }
  }

  @Test func relaysOfSeveralProcessesShareTheRows() async throws {
    try await withOutbox { postgres, outbox, log in
      try await outbox.insert((0..<3_000).map { receipt("\($0)") }, in: postgres)
      try await withThrowingTaskGroup { group in
        for _ in 0..<4 {
          let relay = relay(postgres, PostgresOutbox(), log)
          group.addTask { try await relay.deliverAll() }
        }
        try await group.waitForAll()
      }
      // A relay that meets only locked rows ends early; the others take what is left.
      try await relay(postgres, outbox, log).deliverAll()
      #expect(log.kept.count == 3_000)
      #expect(log.deliveredCount == 3_000)
      #expect(try await waiting(postgres) == 0)
    }
  }

  @Test func anInsertWakesTheRelayAndItEndsWhenToldTo() async throws {
    try await withOutbox { postgres, outbox, log in
      let relay = relay(postgres, outbox, log)
      let running = Task { try await relay.run() }
      try await postgres.transaction { try await outbox.insert(receipt("first"), in: $0) }
      await log.arrival { $0.target?.name == "first" }
      log.misbehave { _ in .refuse(RPCError(.unavailable, "down")) }
      try await outbox.insert([receipt("second")], in: postgres)
      log.misbehave { _ in .obey }
      await log.arrival { $0.target?.name == "second" }
      running.cancel()
      try await running.value
    }
  }
}

extension Logger {
  static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
