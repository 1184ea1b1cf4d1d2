import Cryptography
import Glibc
package import Logging
import Threads

/// One numbered step of a schema, which never changes once it has been released.
package struct Migration: Sendable {
  /// 1, 2, 3, … without gaps.
  package let number: Int
  /// E.g. `accounts`.
  package let name: String
  /// Any number of statements; no BEGIN or COMMIT, as the migrator runs it in one transaction.
  package let sql: String

  package init(number: Int, name: String, sql: String) {
    self.number = number
    self.name = name
    self.sql = sql
  }

  /// For a file that the package manager embedded, e.g. `PackageResources._0001_accounts_sql`.
  package init(number: Int, name: String, sql: [UInt8]) {
    self.init(number: number, name: name, sql: String(decoding: sql, as: UTF8.self))
  }

  /// SHA-256 of the SQL, which the database remembers.
  package var checksum: [UInt8] { SHA256Digest.hash([UInt8](sql.utf8)) }
}

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

/// A schema's name that needs no quotes, so that it can stand in SQL text.
struct SchemaName: Sendable {
  /// PostgreSQL cuts longer names off.
  static let bytesMax = 63

  let text: String

  init(_ text: String) throws(PostgresMigrationError) {
    let isPlain = text.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    let isLetterFirst = text.utf8.first.map { $0 > UInt8(ascii: "9") } ?? false
    guard isPlain, isLetterFirst, text.utf8.count <= Self.bytesMax else {
      throw .invalidSchemaName
    }
    self.text = text
  }
}
