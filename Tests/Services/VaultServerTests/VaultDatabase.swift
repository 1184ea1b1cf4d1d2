import Logging
import Outbox
import Postgres
import Protobuf
import ServiceAPI
import TestSupport

@testable import VaultServer

/// A database with the vault's schema, and the store on it.
struct VaultDatabase: Sendable {
  private let database: ServiceDatabase
  let store: PostgresVaultStore

  var name: String { database.name }
  /// As the run-time role.
  var postgres: PostgresClient { database.postgres }
  /// May do anything, as somebody with access to the database could.
  var superuser: PostgresClient { database.superuser }

  /// Runs `body` with a new database and closes its connections.
  static func with<Value>(_ body: (VaultDatabase) async throws -> Value) async throws -> Value {
    try await ServiceDatabase.with(
      schema: "vault", migrations: VaultSchema.migrations
    ) { database in
      let store = PostgresVaultStore(postgres: database.postgres, outbox: PostgresOutbox())
      return try await body(VaultDatabase(database: database, store: store))
    }
  }

  /// What waits for the audit log, oldest first.
  func receipts() async throws -> [AuditAPI.AuditEvent] {
    let events = try await superuser.all("SELECT event FROM vault.outbox ORDER BY position") {
      (row) throws(PostgresError) in try row.decode("event", as: [UInt8].self)
    }
    return try events.map { try AuditAPI.AuditEvent(unpacking: $0) }
  }

  func count(_ query: PostgresQuery) async throws -> Int {
    try await superuser.first(query) { (row) throws(PostgresError) in try row.decode(0) } ?? 0
  }
}

extension Logger {
  static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
