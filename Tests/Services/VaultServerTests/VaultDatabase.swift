import Foundation
import LocalDeployment
import Logging
import NIOPosix
import Outbox
import Postgres
import Protobuf
import ServiceAPI
import TestSupport

@testable import VaultServer

/// A database with the vault's schema as the service has it: migrated by its owner, used by its
/// run-time role.
struct VaultDatabase {
  let name: String
  /// As the run-time role.
  let postgres: PostgresClient
  /// May do anything, as somebody with access to the database could.
  let superuser: PostgresClient
  let store: PostgresVaultStore

  init() async throws {
    let all = try await TestPostgres.shared.database()
    let name = all.parameters.first { $0.name == "dbname" }?.value ?? ""
    let cluster = try await TestPostgres.shared.cluster()
    try await cluster.runScript(Self.roles, database: name)
    func client(_ configuration: PostgresConfiguration) -> PostgresClient {
      PostgresClient(
        configuration.patient, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: .quiet
      )
    }
    func url(_ role: String) throws -> PostgresConfiguration {
      try PostgresConfiguration(
        url: cluster.connectionURL(user: role, database: name, password: "test"))
    }
    try await PostgresMigrator.migrate(
      VaultSchema.migrations, schema: "vault", using: url("vault_owner"),
      logger: .quiet)
    self.name = name
    postgres = client(try url("vault"))
    superuser = client(all)
    store = PostgresVaultStore(postgres: postgres, outbox: PostgresOutbox())
  }

  /// Runs `body` with a new database and closes its connections.
  static func with<Value>(_ body: (VaultDatabase) async throws -> Value) async throws -> Value {
    let database = try await VaultDatabase()
    do {
      let value = try await body(database)
      await database.close()
      return value
    } catch {
      await database.close()
      throw error
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

  private func close() async {
    await postgres.close()
    await superuser.close()
  }

  /// Roles belong to the whole cluster, so a test beside this one may be creating them too.
  private static let roles = """
    DO $$ BEGIN
      IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'vault') THEN
        CREATE ROLE vault LOGIN PASSWORD 'test';
        CREATE ROLE vault_owner LOGIN PASSWORD 'test';
        ALTER ROLE vault SET search_path = vault;
        ALTER ROLE vault_owner SET search_path = vault;
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$;
    CREATE SCHEMA vault AUTHORIZATION vault_owner;
    GRANT USAGE ON SCHEMA vault TO vault;
    """
}

extension PostgresConfiguration {
  /// With time for a machine on which every other test runs too.
  fileprivate var patient: PostgresConfiguration {
    var patient = self
    patient.acquireTimeout = .seconds(120)
    patient.connectTimeout = .seconds(120)
    patient.queryTimeout = .seconds(120)
    patient.transactionTimeout = .seconds(120)
    return patient
  }
}

extension Logger {
  static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
