import Logging

/// One run of the migrator, on a thread that may block.
struct MigrationRun: Sendable {
  /// For the migrator's own small statements.
  private static let statementTimeout: Duration = .seconds(15)
  /// How much later than the server's own limit the client gives up on the lock.
  private static let lockGrace: Duration = .seconds(5)
  /// A migration that waits for a table holds up every query behind it; it had better fail and be
  /// run again.
  private static let tableLockTimeoutMilliseconds = 10_000

  let migrations: [Migration]
  let schema: SchemaName
  let newerDatabase: PostgresMigrator.NewerDatabase
  let lockTimeout: Duration
  let logger: Logger

  private var searchPath: String { "SET LOCAL search_path = \(schema.text), public" }

  private struct Applied {
    let number: Int
    let name: String
    let checksum: [UInt8]
  }

  /// The lock is the session's, so it ends with the connection, however that ends.
  func run(using configuration: PostgresConfiguration) throws(PostgresMigrationError) {
    let session = try database { () throws(PostgresError) in try MigrationSession(configuration) }
    try lock(session)
    let applied = try database { () throws(PostgresError) in try prepare(session) }
    let pending = try check(applied)
    for migration in pending { try apply(migration, session) }
    let version = max(migrations.count, applied.count)
    logger.info(
      "schema is up to date",
      metadata: ["schema": "\(schema.text)", "version": "\(version)", "new": "\(pending.count)"])
  }

  private func lock(_ session: MigrationSession) throws(PostgresMigrationError) {
    let milliseconds = max(1, Int(lockTimeout / .milliseconds(1)))
    do throws(PostgresError) {
      try session.run(text: "SET lock_timeout = \(milliseconds)", timeout: Self.statementTimeout)
      try session.run(
        "SELECT pg_advisory_lock(hashtextextended(\("schema_migrations:" + schema.text), 0))",
        timeout: lockTimeout + Self.lockGrace)
      try session.run(
        text: "SET lock_timeout = \(Self.tableLockTimeoutMilliseconds)",
        timeout: Self.statementTimeout)
    } catch {
      if case .server(let error) = error, error.sqlState == .lockNotAvailable { throw .lockTimeout }
      throw .database(error)
    }
  }

  /// Makes what is missing and reads what has been applied.
  private func prepare(_ session: MigrationSession) throws(PostgresError) -> [Applied] {
    let exists: PostgresQuery = "SELECT 1 FROM pg_namespace WHERE nspname = \(schema.text)"
    if try session.run(exists, timeout: Self.statementTimeout).count == 0 {
      try session.run(text: "CREATE SCHEMA \(schema.text)", timeout: Self.statementTimeout)
    }
    try session.run(
      text: """
        CREATE TABLE IF NOT EXISTS \(schema.text).schema_migrations (
          number integer PRIMARY KEY,
          name text NOT NULL,
          sha256 bytea NOT NULL,
          applied_at timestamptz NOT NULL DEFAULT now()
        )
        """, timeout: Self.statementTimeout)
    try session.run(
      text: "SET search_path = \(schema.text), public", timeout: Self.statementTimeout)
    let rows = try session.run(
      "SELECT number, name, sha256 FROM schema_migrations ORDER BY number",
      timeout: Self.statementTimeout
    ).rows
    var applied: [Applied] = []
    for row in rows {
      applied.append(
        Applied(
          number: try row.decode("number"), name: try row.decode("name"),
          checksum: try row.decode("sha256")))
    }
    return applied
  }

  /// Returns what is to be applied, after comparing what has been.
  private func check(_ applied: [Applied]) throws(PostgresMigrationError) -> [Migration] {
    for (index, row) in applied.enumerated() where row.number != index + 1 {
      throw .gap(number: index + 1)
    }
    for (row, migration) in zip(applied, migrations) where row.checksum != migration.checksum {
      throw .changed(number: migration.number, name: migration.name)
    }
    if applied.count > migrations.count {
      guard newerDatabase == .allow else {
        throw .databaseIsNewer(database: applied.count, code: migrations.count)
      }
      logger.warning(
        "the database is newer than this program",
        metadata: ["schema": "\(schema.text)", "version": "\(applied.count)"])
    }
    return Array(migrations.dropFirst(applied.count))
  }

  private func apply(
    _ migration: Migration, _ session: MigrationSession
  ) throws(PostgresMigrationError) {
    func attempt(_ body: () throws(PostgresError) -> Void) throws(PostgresMigrationError) {
      do throws(PostgresError) { try body() } catch {
        throw .failed(number: migration.number, name: migration.name, error)
      }
    }
    try attempt { () throws(PostgresError) in
      try session.run(text: "BEGIN; \(searchPath)", timeout: Self.statementTimeout)
      try session.run(text: migration.sql, timeout: PostgresMigrator.migrationTimeout)
    }
    guard session.isInTransaction else {
      throw .endedItsTransaction(number: migration.number, name: migration.name)
    }
    try attempt { () throws(PostgresError) in
      // The migration may have changed it.
      try session.run(text: searchPath, timeout: Self.statementTimeout)
      try session.run(
        """
        INSERT INTO schema_migrations (number, name, sha256)
        VALUES (\(Int32(truncatingIfNeeded: migration.number)), \(migration.name),
          \(migration.checksum))
        """, timeout: Self.statementTimeout)
      try session.run(text: "COMMIT", timeout: Self.statementTimeout)
    }
    logger.info(
      "migration applied",
      metadata: [
        "schema": "\(schema.text)", "number": "\(migration.number)", "name": "\(migration.name)",
      ])
  }

  private func database<Value>(
    _ body: () throws(PostgresError) -> Value
  ) throws(PostgresMigrationError) -> Value {
    do throws(PostgresError) { return try body() } catch { throw .database(error) }
  }
}
