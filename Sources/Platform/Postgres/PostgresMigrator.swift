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
  /// Any number of statements; no BEGIN or COMMIT, as the migrator runs it in one transaction,
  /// unless `MigrationMarkers` at its head say otherwise.
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

/// A service's schema: its name, which is its run-time role's too, and the steps that lead to it.
package struct Schema: Sendable {
  package let name: String
  package let migrations: [Migration]

  package init(name: String, migrations: [Migration]) {
    self.name = name
    self.migrations = migrations
  }

  /// How many migrations the program knows: what a database that is up to date has.
  package var version: Int { migrations.count }
}

/// Brings schemas up to date: a job with the rights of their owner, before services start.
package enum PostgresMigrator {
  /// How long to wait for another job.
  package static let lockTimeoutDefault: Duration = .seconds(60)
  /// How long one migration, or one statement of a migration without a transaction, may take.
  package static let migrationTimeout: Duration = .seconds(600)

  /// Applies the migrations that the database lacks and returns them; each in one transaction,
  /// unless it is marked, and remembered in `<schema>.schema_migrations`.
  ///
  /// Any number of jobs may run at once: an advisory lock lets one through at a time. In a
  /// migration's SQL the schema comes first in the search path. It waits for no cancellation. A
  /// database that is newer than the program is left as it is.
  ///
  /// - Parameter configuration: of the role that owns the schema; its SQL grants the run-time role
  ///   what that needs.
  /// - Throws: `PostgresMigrationError`.
  @discardableResult
  package static func migrate(
    _ schema: Schema, using configuration: PostgresConfiguration,
    lockTimeout: Duration = lockTimeoutDefault, logger: Logger
  ) async throws(PostgresMigrationError) -> [Migration] {
    let run = try MigrationRun(schema, lockTimeout: lockTimeout, logger: logger)
    return try await onOwnThread { () throws(PostgresMigrationError) in
      try run.run(using: configuration)
    }
  }

  /// The migrations that `migrate` would apply; changes nothing.
  package static func plan(
    _ schema: Schema, using configuration: PostgresConfiguration, logger: Logger
  ) async throws(PostgresMigrationError) -> [Migration] {
    let run = try MigrationRun(schema, lockTimeout: lockTimeoutDefault, logger: logger)
    return try await onOwnThread { () throws(PostgresMigrationError) in
      try run.plan(using: configuration)
    }
  }

  /// libpq's blocking calls must not hold a thread of the concurrency pool.
  private static func onOwnThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws(PostgresMigrationError) -> Value
  ) async throws(PostgresMigrationError) -> Value {
    let result = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<Value, PostgresMigrationError>, Never>) in
      let isStarted = OwnThread.start {
        continuation.resume(
          returning: Result { () throws(PostgresMigrationError) in try body() })
      }
      if !isStarted {
        let error = PostgresError.connectionFailed(detail: "no thread to migrate on")
        continuation.resume(returning: .failure(.database(error)))
      }
    }
    return try result.get()
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
  /// The database has a migration that programs must know at least so many migrations for.
  case programIsTooOld(needed: Int, known: Int)
  /// A migration's markers can't be understood.
  case malformed(number: Int, name: String, reason: String)
  /// Another process held the migration lock for too long.
  case lockTimeout
  /// A migration's SQL began or ended a transaction itself; what it did is unknown.
  case endedItsTransaction(number: Int, name: String)
  /// A migration failed and left nothing behind; one without a transaction leaves the statements
  /// before the one that failed, and the next run goes on there.
  case failed(number: Int, name: String, PostgresError)
  /// The migrator's own statements failed, or no connection could be had.
  case database(PostgresError)
  /// A schema name must match `[a-z_][a-z0-9_]*`.
  case invalidSchemaName
}

extension PostgresMigrationError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .numbering(let expected, let found):
      "migration \(found) stands where \(expected) should"
    case .changed(let number, let name):
      "migration \(number) (\(name)) is not the one that the database has"
    case .gap(let number): "the database lacks migration \(number), but has later ones"
    case .programIsTooOld(let needed, let known):
      "the database needs a program that knows migration \(needed); this one knows \(known)"
    case .malformed(let number, let name, let reason):
      "migration \(number) (\(name)): \(reason)"
    case .lockTimeout: "another migration job runs"
    case .endedItsTransaction(let number, let name):
      "migration \(number) (\(name)) ended its transaction itself"
    case .failed(let number, let name, let error):
      "migration \(number) (\(name)) failed: \(error)"
    case .database(let error): "\(error)"
    case .invalidSchemaName: "a schema's name must match [a-z_][a-z0-9_]*"
    }
  }
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
