import Glibc
package import Logging
import Threads

/// Brings a schema up to date before a service listens.
package enum PostgresMigrator {
  /// How long to wait for another process's migrations.
  package static let lockTimeoutDefault: Duration = .seconds(60)
  /// How long one migration may take.
  package static let migrationTimeout: Duration = .seconds(600)

  /// What to do about a database that has more migrations than the code.
  package enum NewerDatabase: Sendable {
    /// Log a warning and go on: old code beside a new database is usual in a rolling update.
    case allow
    case refuse
  }

  /// Applies the migrations that the database lacks, each in one transaction, and remembers them in
  /// `<schema>.schema_migrations`.
  ///
  /// Any number of processes may call it at once: an advisory lock lets one through at a time. In a
  /// migration's SQL the schema comes first in the search path. It waits for no cancellation.
  ///
  /// - Parameter configuration: of the role that owns the schema; its SQL grants the run-time role
  ///   what that needs.
  /// - Throws: `PostgresMigrationError`.
  package static func migrate(
    _ migrations: [Migration], schema: String, using configuration: PostgresConfiguration,
    newerDatabase: NewerDatabase = .allow, lockTimeout: Duration = lockTimeoutDefault,
    logger: Logger
  ) async throws(PostgresMigrationError) {
    for (index, migration) in migrations.enumerated() where migration.number != index + 1 {
      throw .numbering(expected: index + 1, found: migration.number)
    }
    let run = MigrationRun(
      migrations: migrations, schema: try SchemaName(schema), newerDatabase: newerDatabase,
      lockTimeout: lockTimeout, logger: logger)
    let result = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<Void, PostgresMigrationError>, Never>) in
      // libpq's blocking calls must not hold a thread of the concurrency pool.
      let isStarted = OwnThread.start {
        continuation.resume(
          returning: Result { () throws(PostgresMigrationError) in try run.run(using: configuration)
          })
      }
      if !isStarted {
        let error = PostgresError.connectionFailed(detail: "no thread to migrate on")
        continuation.resume(returning: .failure(.database(error)))
      }
    }
    try result.get()
  }
}
