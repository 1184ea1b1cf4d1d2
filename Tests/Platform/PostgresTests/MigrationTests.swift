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

  @Test func oldCodeRunsBesideANewDatabaseUnlessThatIsRefused() async throws {
    let database = try await TestPostgres.shared.database()
    try await migrate(migrations, database)
    try await migrate([migrations[0]], database)
    await #expect(throws: PostgresMigrationError.databaseIsNewer(database: 2, code: 1)) {
      try await PostgresMigrator.migrate(
        [migrations[0]], schema: "vault", using: database, newerDatabase: .refuse, logger: .quiet)
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
            migrations, schema: "vault", using: database, lockTimeout: .milliseconds(100),
            logger: .quiet)
        }
      }
    }
    try await migrate(migrations, database)
  }

  @Test(arguments: ["", "a b", "a;b", "A", "1a", "a\"", "ä", String(repeating: "a", count: 64)])
  func aSchemaNameThatNeedsQuotesIsRefused(name: String) async throws {
    let nowhere = try PostgresConfiguration(url: "postgres:///x?host=/nonexistent")
    await #expect(throws: PostgresMigrationError.invalidSchemaName) {
      try await PostgresMigrator.migrate([], schema: name, using: nowhere, logger: .quiet)
    }
  }

  private func migrate(
    _ migrations: [Migration], _ database: PostgresConfiguration
  ) async throws(PostgresMigrationError) {
    try await PostgresMigrator.migrate(
      migrations, schema: "vault", using: database, logger: .quiet)
  }
}
