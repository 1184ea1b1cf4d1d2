/// Why the schema could not be brought up to date; the service must not start.
package enum PostgresMigrationError: Error, Equatable {
  /// The migrations in the code are not numbered 1, 2, 3, …
  case numbering(expected: Int, found: Int)
  /// A migration that the database has was changed in the code afterwards.
  case changed(number: Int, name: String)
  /// The database lacks a migration below one that it has.
  case gap(number: Int)
  /// The database has migrations that the code does not know, and the policy refuses that.
  case databaseIsNewer(database: Int, code: Int)
  /// Another process held the migration lock for too long.
  case lockTimeout
  /// A migration's SQL began or ended a transaction itself; what it did is unknown.
  case endedItsTransaction(number: Int, name: String)
  /// A migration failed and left nothing behind.
  case failed(number: Int, name: String, PostgresError)
  /// The migrator's own statements failed, or no connection could be had.
  case database(PostgresError)
  /// A schema name must match `[a-z_][a-z0-9_]*`.
  case invalidSchemaName
}
