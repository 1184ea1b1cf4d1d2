import Audit
import Foundation
import Identity
import Postgres
import Testing
import TransparencyLog

@testable import AuditServer

/// A thousand ways in which somebody with all rights in the database rewrites history, each of them
/// found by the readers of the log: they have the log's public key and what they saw before.
@Suite struct LogTamperingTests {
  static let count = 1_000
  /// Entries that the readers have seen.
  static let size = 40

  private let accounts = [UserID(UUID()), UserID(UUID())]

  private func events(_ numbers: Range<Int>) -> [AuditEvent] {
    numbers.map { .sample(accounts[$0 % 2], second: Double($0)) }
  }

  @Test func everyTamperingWithTheTablesIsFound() async throws {
    try await AuditDatabase.with { database in
      let log = try TestLog(database)
      try await Self.makeFunctions(database.superuser)
      try await log.add(events(0..<Self.size / 2))
      try await database.superuser.execute("SELECT keep('then')")
      try await log.add(events(Self.size / 2..<Self.size))
      try await database.superuser.execute("SELECT keep('now')")
      let seen = try await log.checkpoint()
      #expect(try await found(log, seen) == nil)
      var random = SplitMix(state: 14)
      for number in 0..<Self.count {
        let kind = Tampering.allCases[number % Tampering.allCases.count]
        try await apply(kind, to: log, &random)
        let finding = try await found(log, seen)
        #expect(finding != nil, "number \(number): \(kind) was not found")
        try await database.superuser.execute("SELECT put_back('now')")
      }
      #expect(try await found(log, seen) == nil)
    }
  }

  /// What the readers of both accounts find, who look at their entries, at all leaves and at what
  /// they saw before; nil when nothing is wrong.
  private func found(_ log: TestLog, _ seen: Checkpoint) async throws -> String? {
    do {
      _ = try await log.integrator.integrate()
      let leaves = try await log.leaves()
      for account in accounts {
        let file = try await log.export(account, since: seen.size)
        if let fault = try log.fault(in: file, leaves: leaves, since: seen) { return "\(fault)" }
      }
      return nil
    } catch let damage as LogDamage {
      return "the service: \(damage)"
    } catch let error as AuditError {
      return "the service: \(error)"
    } catch let problem as Checkpoint.Problem {
      return "\(problem)"
    }
  }

  private enum Tampering: CaseIterable {
    case editedEvent, deletedEvent, deletedEventAndLeaf, exchangedEvents, movedEvent, hiddenLast
    case editedLeaf, editedCommitment, editedSalt, erasedInPart, editedTile, otherKey
    case truncated, oldBackup, fork, editedCheckpoint, editedSize
  }

  private func apply(
    _ kind: Tampering, to log: TestLog, _ random: inout SplitMix
  ) async throws {
    let postgres = log.database.superuser
    let sequence = Int.random(in: 1...Self.size, using: &random)
    // Of the same account's or of the other's.
    let other = (sequence + Int.random(in: 0..<Self.size - 1, using: &random)) % Self.size + 1
    switch kind {
    case .editedEvent:
      let column = Self.edits[Int.random(in: 0..<Self.edits.count, using: &random)]
      try await postgres.execute("UPDATE audit.events SET \(column) WHERE sequence = \(sequence)")
    case .deletedEvent:
      try await postgres.execute("DELETE FROM audit.events WHERE sequence = \(sequence)")
    case .deletedEventAndLeaf:
      try await postgres.execute("DELETE FROM audit.events WHERE sequence = \(sequence)")
      try await postgres.execute("DELETE FROM audit.log_leaves WHERE sequence = \(sequence)")
    case .exchangedEvents:
      try await postgres.execute("SELECT exchange(\(sequence), \(other))")
    case .movedEvent:
      let account = accounts[sequence % 2]
      try await postgres.execute(
        "UPDATE audit.events SET account_id = \(account.uuid) WHERE sequence = \(sequence)")
    case .hiddenLast:
      // The last few of an account, which then seems to have fewer.
      let account = accounts[sequence % 2]
      let kept = Int.random(in: Self.size / 2 - 5..<Self.size / 2, using: &random)
      try await postgres.execute(
        """
        UPDATE audit.log_leaves SET account_id = NULL
         WHERE account_id = \(account.uuid) AND account_entry > \(kept)
        """)
    case .editedLeaf: try await flip("leaf", sequence, 65, postgres, &random)
    case .editedCommitment: try await flip("commitment", sequence, 32, postgres, &random)
    case .editedSalt: try await flip("salt", sequence, 32, postgres, &random)
    case .erasedInPart:
      try await postgres.execute(
        "UPDATE audit.log_leaves SET salt = NULL WHERE sequence = \(sequence)")
      try await postgres.execute(
        "UPDATE audit.events SET outcome = outcome % 3 + 1 WHERE sequence = \(sequence)")
    case .editedTile:
      let bit = Int.random(in: 0..<Self.size * 256, using: &random)
      try await postgres.execute(
        "UPDATE audit.log_tiles SET hashes = set_bit(hashes, \(bit), 1 - get_bit(hashes, \(bit)))")
    case .otherKey:
      let bit = Int.random(in: 0..<256, using: &random)
      try await postgres.execute(
        """
        UPDATE audit.log_accounts SET key = set_bit(key, \(bit), 1 - get_bit(key, \(bit)))
         WHERE account_id = \(accounts[sequence % 2].uuid)
        """)
    case .truncated:
      let count = Int.random(in: 1..<Self.size, using: &random)
      try await postgres.execute("DELETE FROM audit.events WHERE sequence > \(count)")
      try await postgres.execute("DELETE FROM audit.log_leaves WHERE sequence > \(count)")
    case .oldBackup: try await postgres.execute("SELECT put_back('then')")
    case .fork:
      // The service goes on from an old backup, and signs, as if the rest had never been.
      try await postgres.execute("SELECT put_back('then')")
      let count = Int.random(in: Self.size / 2...Self.size, using: &random)
      try await log.add(events(100..<100 + count))
    case .editedCheckpoint:
      try await postgres.execute(
        "UPDATE audit.log_tree SET checkpoint = replace(checkpoint, '40', '39')")
    case .editedSize:
      try await postgres.execute("UPDATE audit.log_tree SET size = \(sequence - 1)")
    }
  }

  private func flip(
    _ column: PostgresQuery, _ sequence: Int, _ byteCount: Int, _ postgres: PostgresClient,
    _ random: inout SplitMix
  ) async throws {
    let bit = Int.random(in: 0..<byteCount * 8, using: &random)
    try await postgres.execute(
      """
      UPDATE audit.log_leaves
         SET \(column) = set_bit(\(column), \(bit), 1 - get_bit(\(column), \(bit)))
       WHERE sequence = \(sequence)
      """)
  }

  /// Every column that a reader sees, changed.
  private static let edits: [PostgresQuery] = [
    "id = gen_random_uuid()", "time = time + interval '1 microsecond'",
    "actor_type = actor_type || 'x'", "actor_id = actor_id || 'x'",
    "actor_name = actor_name || 'x'", "action = 'credential.resolve'",
    "target_type = target_type || 'x'", "target_id = ''", "target_name = lower(target_name) || ' '",
    "outcome = outcome % 3 + 1", "ip_address = '198.51.100.1'", "user_agent = ''",
    "request_id = 'r-2'", #"details = details || '{"model": "other"}'"#, "details = '{}'",
    "source = 'auth'",
  ]

  /// Keeps copies of the tables, and puts them back.
  private static func makeFunctions(_ postgres: PostgresClient) async throws {
    try await postgres.execute(
      """
      CREATE FUNCTION keep(name text) RETURNS void LANGUAGE plpgsql AS $$
      DECLARE t text;
      BEGIN
        FOREACH t IN ARRAY ARRAY['events', 'log_leaves', 'log_accounts', 'log_tiles', 'log_tree']
        LOOP
          EXECUTE format('CREATE TABLE public.%I AS SELECT * FROM audit.%I', name || '_' || t, t);
        END LOOP;
      END $$
      """)
    try await postgres.execute(
      """
      CREATE FUNCTION put_back(name text) RETURNS void LANGUAGE plpgsql AS $$
      DECLARE t text;
      BEGIN
        FOREACH t IN ARRAY ARRAY['events', 'log_leaves', 'log_accounts', 'log_tiles', 'log_tree']
        LOOP
          EXECUTE format('DELETE FROM audit.%I', t);
          EXECUTE format('INSERT INTO audit.%I SELECT * FROM public.%I', t, name || '_' || t);
        END LOOP;
      END $$
      """)
    try await postgres.execute(
      """
      CREATE FUNCTION exchange(a bigint, b bigint) RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        UPDATE audit.events SET sequence = 1000000 WHERE sequence = a;
        UPDATE audit.events SET sequence = a WHERE sequence = b;
        UPDATE audit.events SET sequence = b WHERE sequence = 1000000;
      END $$
      """)
  }
}

/// Numbers that are the same in each run.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
