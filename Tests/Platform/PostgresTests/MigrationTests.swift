import Postgres
import TestSupport
import Testing

@Suite struct MigrationTests {
  private let migrations = [
    Migration(number: 1, name: "first", sql: "CREATE TABLE a (id int); CREATE TABLE b (id int);"),
    Migration(number: 2, name: "second", sql: "ALTER TABLE a ADD COLUMN name text"),
  ]

  @Test func theyAreAppliedOnceAndInOrder() async throws {
    let database = try await TestPostgres.shared.database()
    try await migrate([migrations[0]], database)
    try await migrate(migrations, database)
    try await migrate(migrations, database)
    try await withClient(of: database) { client in
      let applied = try await client.all(
        "SELECT name FROM vault.schema_migrations ORDER BY applied_at"
      ) { row throws(PostgresError) in try row.decode("name", as: String.self) }
      #expect(applied == ["first", "second"])
      _ = try await client.rows("SELECT a.id, a.name, b.id FROM vault.a, vault.b")
    }
  }

  @Test func manyProcessesMayStartAtOnce() async throws {
    let database = try await TestPostgres.shared.database()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<5 { group.addTask { try await migrate(migrations, database) } }
      try await group.waitForAll()
    }
  }

  @Test func aChangedMigrationIsRefused() async throws {
    let database = try await TestPostgres.shared.database()
    try await migrate(migrations, database)
    var changed = migrations
    changed[0] = Migration(number: 1, name: "first", sql: "CREATE TABLE a (id int8)")
    await #expect(throws: PostgresMigrationError.changed(number: 1, name: "first")) {
      try await migrate(changed, database)
    }
  }

  @Test func aFailingMigrationLeavesNothing() async throws {
    let database = try await TestPostgres.shared.database()
    let bad = Migration(number: 2, name: "bad", sql: "CREATE TABLE c (id int); SELECT 1 / 0;")
    do {
      try await migrate([migrations[0], bad], database)
      Issue.record("it was applied")
    } catch {
      guard case .failed(2, "bad", .server(let server)) = error else { throw error }
      #expect(server.sqlState.rawValue == "22012")
    }
    try await withClient(of: database) { client in
      let applied = try await client.rows("SELECT 1 FROM vault.schema_migrations")
      #expect(applied.count == 1)
      let left = try await client.rows("SELECT 1 FROM pg_tables WHERE tablename = 'c'")
      #expect(left.isEmpty)
    }
    try await migrate(migrations, database)
  }

  @Test func aMigrationThatCommitsIsRefused() async throws {
    let database = try await TestPostgres.shared.database()
    let bad = Migration(number: 1, name: "bad", sql: "CREATE TABLE c (id int); COMMIT;")
    await #expect(throws: PostgresMigrationError.endedItsTransaction(number: 1, name: "bad")) {
      try await migrate([bad], database)
    }
  }

  @Test func gapsAreRefused() async throws {
    let database = try await TestPostgres.shared.database()
    await #expect(throws: PostgresMigrationError.numbering(expected: 1, found: 2)) {
      try await migrate([migrations[1]], database)
    }
    try await migrate(migrations, database)
    try await withClient(of: database) {
      try await $0.execute("DELETE FROM vault.schema_migrations WHERE number = 1")
    }
    await #expect(throws: PostgresMigrationError.gap(number: 1)) {
      try await migrate(migrations, database)
    }
  }

  @Test func oldCodeRunsBesideANewSchemaUnlessThatForbidsIt() async throws {
    let database = try await TestPostgres.shared.database()
    try await migrate(migrations, database)
    try await migrate([migrations[0]], database)
    let breaking = Migration(
      number: 3, name: "breaking",
      sql: "-- chatelaine: needs version 2\nALTER TABLE b ADD COLUMN name text;")
    try await migrate(migrations + [breaking], database)
    try await migrate(migrations, database)
    await #expect(throws: PostgresMigrationError.programIsTooOld(needed: 2, known: 1)) {
      try await migrate([migrations[0]], database)
    }
  }

  @Test func aProgramSeesWhetherItCanUseASchema() async throws {
    let database = try await TestPostgres.shared.database()
    let steps = [
      Migration(number: 1, name: "one", sql: "CREATE TABLE a (id int);"),
      Migration(
        number: 2, name: "two",
        sql: "-- chatelaine: needs version 2\nALTER TABLE a RENAME id TO number;"),
    ]
    func version(_ count: Int, _ client: PostgresClient) async throws -> SchemaVersion {
      try await Schema(name: "public", migrations: Array(steps.prefix(count))).version(in: client)
    }
    func migrate(_ count: Int) async throws {
      try await PostgresMigrator.migrate(
        Schema(name: "public", migrations: Array(steps.prefix(count))), using: database,
        logger: .quiet)
    }
    try await withClient(of: database) { client in
      #expect(try await version(1, client) == .older(version: 0, needed: 1))
      try await migrate(1)
      #expect(try await version(1, client) == .usable(version: 1))
      #expect(try await version(2, client) == .older(version: 1, needed: 2))
      try await migrate(2)
      #expect(try await version(2, client) == .usable(version: 2))
      #expect(try await version(1, client) == .tooNew(version: 2, needsProgram: 2, known: 1))
    }
  }

  @Test func aPlanChangesNothing() async throws {
    let database = try await TestPostgres.shared.database()
    let schema = Schema(name: "vault", migrations: migrations)
    let plan = try await PostgresMigrator.plan(schema, using: database, logger: .quiet)
    #expect(plan.map(\.name) == ["first", "second"])
    try await withClient(of: database) { client in
      let made = try await client.rows("SELECT 1 FROM pg_namespace WHERE nspname = 'vault'")
      #expect(made.isEmpty)
    }
    try await migrate([migrations[0]], database)
    let rest = try await PostgresMigrator.plan(schema, using: database, logger: .quiet)
    #expect(rest.map(\.name) == ["second"])
  }

  /// The second statement fails at first: the first is not run again, and the index that the
  /// failure left is replaced.
  @Test func aMigrationWithoutATransactionGoesOnWhereItEnded() async throws {
    let database = try await TestPostgres.shared.database()
    let table = Migration(number: 1, name: "table", sql: "CREATE TABLE a (id int);")
    let steps = Migration(
      number: 2, name: "steps",
      sql: """
        -- chatelaine: without transaction
        ALTER TABLE a ADD COLUMN once int;
        CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_id
          ON a (id);
        """)
    try await migrate([table], database)
    try await withClient(of: database) { client in
      try await client.execute("INSERT INTO vault.a VALUES (1), (1)")
      let failure = await self.failure(of: [table, steps], database)
      guard case .failed(2, "steps", .server)? = failure else {
        Issue.record("\(String(describing: failure))")
        return
      }
      let unfinished = try await client.rows("SELECT 1 FROM pg_index WHERE NOT indisvalid")
      #expect(unfinished.count == 1)
      try await client.execute("DELETE FROM vault.a")
      let changed = Migration(number: 2, name: "steps", sql: steps.sql + "\n-- other")
      #expect(
        await self.failure(of: [table, changed], database) == .changed(number: 2, name: "steps"))
      // Two at once: the one that waits does not hold up the index.
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<2 { group.addTask { try await migrate([table, steps], database) } }
        try await group.waitForAll()
      }
      let valid = try await client.rows(
        "SELECT 1 FROM pg_index WHERE indisvalid AND indexrelid = 'vault.a_id'::regclass")
      #expect(valid.count == 1)
    }
  }

  @Test(arguments: [
    "-- chatelaine: without transactions\nSELECT 1;", "-- chatelaine: needs version 2\nSELECT 1;",
    "-- chatelaine: needs version x\nSELECT 1;", "-- chatelaine: without transaction\n",
    "-- chatelaine: without transaction\nDO $$ BEGIN END $$;",
  ])
  func aMarkerThatCannotBeUnderstoodIsRefused(sql: String) async throws {
    let nowhere = try PostgresConfiguration(url: "postgres:///x?host=/nonexistent")
    do {
      try await migrate([Migration(number: 1, name: "marked", sql: sql)], nowhere)
      Issue.record("it was applied")
    } catch {
      guard case .malformed(1, "marked", _) = error else { throw error }
    }
  }

  @Test func theLockIsWaitedForOnlySoLong() async throws {
    let database = try await TestPostgres.shared.database()
    try await withClient(of: database) { client in
      try await client.transaction { transaction in
        _ = try await transaction.rows(
          "SELECT pg_advisory_xact_lock(hashtextextended('schema_migrations:vault', 0))")
        await #expect(throws: PostgresMigrationError.lockTimeout) {
          try await PostgresMigrator.migrate(
            Schema(name: "vault", migrations: migrations), using: database,
            lockTimeout: .milliseconds(100), logger: .quiet)
        }
      }
    }
    try await migrate(migrations, database)
  }

  @Test(arguments: ["", "a b", "a;b", "A", "1a", "a\"", "ä", String(repeating: "a", count: 64)])
  func aSchemaNameThatNeedsQuotesIsRefused(name: String) async throws {
    let nowhere = try PostgresConfiguration(url: "postgres:///x?host=/nonexistent")
    await #expect(throws: PostgresMigrationError.invalidSchemaName) {
      try await PostgresMigrator.migrate(
        Schema(name: name, migrations: []), using: nowhere, logger: .quiet)
    }
  }

  private func failure(
    of migrations: [Migration], _ database: PostgresConfiguration
  ) async -> PostgresMigrationError? {
    do throws(PostgresMigrationError) {
      try await migrate(migrations, database)
      return nil
    } catch {
      return error
    }
  }

  private func migrate(
    _ migrations: [Migration], _ database: PostgresConfiguration
  ) async throws(PostgresMigrationError) {
    try await PostgresMigrator.migrate(
      Schema(name: "vault", migrations: migrations), using: database, logger: .quiet)
  }
}
