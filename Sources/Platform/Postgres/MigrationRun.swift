import Glibc
import Logging

/// One run of the migrator, on a thread that may block.
struct MigrationRun: Sendable {
  /// For the migrator's own small statements.
  private static let statementTimeout: Duration = .seconds(15)
  /// A migration that waits for a table holds up every query behind it; it had better fail and be
  /// run again.
  private static let tableLockTimeoutMilliseconds = 10_000

  /// How often the lock is asked for again.
  private static let lockPauseMicroseconds: UInt32 = 100_000

  private let migrations: [(Migration, MigrationMarkers)]
  private let schema: SchemaName
  private let lockTimeout: Duration
  private let logger: Logger

  private var searchPath: String { "SET LOCAL search_path = \(schema.text), public" }

  private struct Applied {
    let number: Int
    let name: String
    let checksum: [UInt8]
    let minimumVersion: Int
  }

  /// Throws what is wrong with the migrations themselves.
  init(
    _ schema: Schema, lockTimeout: Duration, logger: Logger
  ) throws(PostgresMigrationError) {
    self.schema = try SchemaName(schema.name)
    self.lockTimeout = lockTimeout
    self.logger = logger
    var migrations: [(Migration, MigrationMarkers)] = []
    for (index, migration) in schema.migrations.enumerated() {
      guard migration.number == index + 1 else {
        throw .numbering(expected: index + 1, found: migration.number)
      }
      migrations.append((migration, try MigrationMarkers(of: migration)))
    }
    self.migrations = migrations
  }

  /// The lock is the session's, so it ends with the connection, however that ends.
  func run(
    using configuration: PostgresConfiguration
  ) throws(PostgresMigrationError) -> [Migration] {
    let session = try database { () throws(PostgresError) in try MigrationSession(configuration) }
    try lock(session)
    let applied = try database { () throws(PostgresError) in
      try prepare(session)
      return try readApplied(session)
    }
    let pending = try check(applied)
    for (migration, markers) in pending {
      if markers.isWithoutTransaction {
        try applyStepByStep(migration, markers, session)
      } else {
        try apply(migration, markers, session)
      }
      logger.info(
        "migration applied",
        metadata: [
          "schema": "\(schema.text)", "number": "\(migration.number)",
          "name": "\(migration.name)",
        ])
    }
    let version = max(migrations.count, applied.count)
    logger.info(
      "schema is up to date",
      metadata: ["schema": "\(schema.text)", "version": "\(version)", "new": "\(pending.count)"])
    return pending.map(\.0)
  }

  /// Reads only.
  func plan(
    using configuration: PostgresConfiguration
  ) throws(PostgresMigrationError) -> [Migration] {
    let session = try database { () throws(PostgresError) in try MigrationSession(configuration) }
    let applied = try database { () throws(PostgresError) -> [Applied] in
      let table: PostgresQuery = """
        SELECT 1 FROM pg_tables
         WHERE schemaname = \(schema.text) AND tablename = 'schema_migrations'
        """
      guard try session.run(table, timeout: Self.statementTimeout).count > 0 else { return [] }
      try session.run(
        text: "SET search_path = \(schema.text), public", timeout: Self.statementTimeout)
      return try readApplied(session)
    }
    return try check(applied).map(\.0)
  }

  /// Asks again and again rather than waiting in the server: whoever waits there holds a snapshot,
  /// for whose end CREATE INDEX CONCURRENTLY of the other job would wait.
  private func lock(_ session: MigrationSession) throws(PostgresMigrationError) {
    let deadline = ContinuousClock.now + lockTimeout
    let key = "schema_migrations:" + schema.text
    while true {
      let isLocked = try database { () throws(PostgresError) -> Bool in
        let answer = try session.run(
          "SELECT pg_try_advisory_lock(hashtextextended(\(key), 0)) AS locked",
          timeout: Self.statementTimeout)
        return try answer[0].decode("locked")
      }
      if isLocked { break }
      guard ContinuousClock.now < deadline else { throw .lockTimeout }
      usleep(Self.lockPauseMicroseconds)
    }
    try database { () throws(PostgresError) in
      try session.run(
        text: "SET lock_timeout = \(Self.tableLockTimeoutMilliseconds)",
        timeout: Self.statementTimeout)
    }
  }

  /// Makes what is missing.
  private func prepare(_ session: MigrationSession) throws(PostgresError) {
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
          applied_at timestamptz NOT NULL DEFAULT now(),
          minimum_version integer NOT NULL DEFAULT 0
        );
        ALTER TABLE \(schema.text).schema_migrations
          ADD COLUMN IF NOT EXISTS minimum_version integer NOT NULL DEFAULT 0;
        CREATE TABLE IF NOT EXISTS \(schema.text).schema_migration_steps (
          number integer PRIMARY KEY,
          sha256 bytea NOT NULL,
          statements_done integer NOT NULL
        );
        SET search_path = \(schema.text), public
        """, timeout: Self.statementTimeout)
    // Services look at the version before they serve.
    let role: PostgresQuery = "SELECT 1 FROM pg_roles WHERE rolname = \(schema.text)"
    if try session.run(role, timeout: Self.statementTimeout).count > 0 {
      try session.run(
        text: "GRANT SELECT ON \(schema.text).schema_migrations TO \(schema.text)",
        timeout: Self.statementTimeout)
    }
  }

  private func readApplied(_ session: MigrationSession) throws(PostgresError) -> [Applied] {
    // A table of an earlier release has no such column, and then nothing in it.
    let rows = try session.run(
      """
      SELECT number, name, sha256,
             coalesce((to_jsonb(m) ->> 'minimum_version')::integer, 0) AS minimum_version
        FROM schema_migrations AS m
       ORDER BY number
      """, timeout: Self.statementTimeout
    ).rows
    var applied: [Applied] = []
    for row in rows {
      applied.append(
        Applied(
          number: try row.decode("number"), name: try row.decode("name"),
          checksum: try row.decode("sha256"), minimumVersion: try row.decode("minimum_version")))
    }
    return applied
  }

  /// Returns what is to be applied, after comparing what has been.
  private func check(
    _ applied: [Applied]
  ) throws(PostgresMigrationError) -> [(Migration, MigrationMarkers)] {
    for (index, row) in applied.enumerated() where row.number != index + 1 {
      throw .gap(number: index + 1)
    }
    for (row, (migration, _)) in zip(applied, migrations)
    where row.checksum != migration.checksum {
      throw .changed(number: migration.number, name: migration.name)
    }
    if applied.count > migrations.count {
      let needed = applied.map(\.minimumVersion).max() ?? 0
      guard needed <= migrations.count else {
        throw .programIsTooOld(needed: needed, known: migrations.count)
      }
      logger.warning(
        "the database is newer than this program",
        metadata: ["schema": "\(schema.text)", "version": "\(applied.count)"])
    }
    return Array(migrations.dropFirst(applied.count))
  }

  private func apply(
    _ migration: Migration, _ markers: MigrationMarkers, _ session: MigrationSession
  ) throws(PostgresMigrationError) {
    try attempt(migration) { () throws(PostgresError) in
      try session.run(text: "BEGIN; \(searchPath)", timeout: Self.statementTimeout)
      try session.run(text: migration.sql, timeout: PostgresMigrator.migrationTimeout)
    }
    guard session.isInTransaction else {
      throw .endedItsTransaction(number: migration.number, name: migration.name)
    }
    try attempt(migration) { () throws(PostgresError) in
      // The migration may have changed it.
      try session.run(text: searchPath, timeout: Self.statementTimeout)
      try note(migration, markers, session)
      try session.run(text: "COMMIT", timeout: Self.statementTimeout)
    }
  }

  private func attempt<Value>(
    _ migration: Migration, _ body: () throws(PostgresError) -> Value
  ) throws(PostgresMigrationError) -> Value {
    do throws(PostgresError) { return try body() } catch {
      throw .failed(number: migration.number, name: migration.name, error)
    }
  }

  private func note(
    _ migration: Migration, _ markers: MigrationMarkers, _ session: MigrationSession
  ) throws(PostgresError) {
    try session.run(
      """
      INSERT INTO schema_migrations (number, name, sha256, minimum_version)
      VALUES (\(Int32(truncatingIfNeeded: migration.number)), \(migration.name),
        \(migration.checksum), \(Int32(truncatingIfNeeded: markers.minimumVersion)))
      """, timeout: Self.statementTimeout)
  }

  private func database<Value>(
    _ body: () throws(PostgresError) -> Value
  ) throws(PostgresMigrationError) -> Value {
    do throws(PostgresError) { return try body() } catch { throw .database(error) }
  }
}

// MARK: Without a transaction

extension MigrationRun {
  /// Runs one statement at a time and remembers how many are done, so that a run that was
  /// interrupted goes on where it ended. One that ended between a statement and its note runs that
  /// statement again: such statements say IF NOT EXISTS.
  private func applyStepByStep(
    _ migration: Migration, _ markers: MigrationMarkers, _ session: MigrationSession
  ) throws(PostgresMigrationError) {
    let number = Int32(truncatingIfNeeded: migration.number)
    let begun = try database { () throws(PostgresError) in
      try session.run(
        "SELECT sha256, statements_done FROM schema_migration_steps WHERE number = \(number)",
        timeout: Self.statementTimeout)
    }
    var done = 0
    if begun.count > 0 {
      let (checksum, count) = try database { () throws(PostgresError) in
        (
          try begun[0].decode("sha256", as: [UInt8].self),
          try begun[0].decode("statements_done", as: Int.self)
        )
      }
      guard checksum == migration.checksum else {
        throw .changed(number: migration.number, name: migration.name)
      }
      done = count
      try attempt(migration) { () throws(PostgresError) in try dropUnfinishedIndexes(session) }
    }
    for (index, statement) in markers.statements.enumerated().dropFirst(done) {
      try attempt(migration) { () throws(PostgresError) in
        try noteStep(number, migration.checksum, done: index, session)
        try session.run(text: statement, timeout: PostgresMigrator.migrationTimeout)
      }
    }
    try attempt(migration) { () throws(PostgresError) in
      try session.run(
        text: "BEGIN; \(searchPath); DELETE FROM schema_migration_steps WHERE number = \(number)",
        timeout: Self.statementTimeout)
      try note(migration, markers, session)
      try session.run(text: "COMMIT", timeout: Self.statementTimeout)
    }
  }

  private func noteStep(
    _ number: Int32, _ checksum: [UInt8], done: Int, _ session: MigrationSession
  ) throws(PostgresError) {
    let done = Int32(truncatingIfNeeded: done)
    try session.run(
      """
      INSERT INTO schema_migration_steps (number, sha256, statements_done)
      VALUES (\(number), \(checksum), \(done))
      ON CONFLICT (number) DO UPDATE SET statements_done = \(done)
      """, timeout: Self.statementTimeout)
  }

  /// CREATE INDEX CONCURRENTLY that fails leaves an index behind which is never used, and which IF
  /// NOT EXISTS takes for the real one.
  private func dropUnfinishedIndexes(_ session: MigrationSession) throws(PostgresError) {
    let rows = try session.run(
      """
      SELECT format('%I.%I', n.nspname, c.relname) AS name
        FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
       WHERE n.nspname = \(schema.text) AND c.relkind = 'i' AND NOT i.indisvalid
      """, timeout: Self.statementTimeout
    ).rows
    for row in rows {
      let name = try row.decode("name", as: String.self)
      try session.run(
        text: "DROP INDEX CONCURRENTLY IF EXISTS \(name)",
        timeout: PostgresMigrator.migrationTimeout)
    }
  }
}
