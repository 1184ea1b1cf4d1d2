import Audit
import Foundation
import Identity
import LocalDeployment
import Logging
import NIOPosix
import Postgres
import TestSupport

@testable import AuditServer

/// A database with the audit log's schema as the service has it: migrated by its owner, used by its
/// run-time role.
struct AuditDatabase {
  /// As the run-time role.
  let postgres: PostgresClient
  let superuser: PostgresClient

  var store: PostgresAuditStore { PostgresAuditStore(postgres: postgres) }

  private init() async throws {
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
      AuditSchema.migrations, schema: "audit", using: url("audit_owner"),
      logger: .quiet)
    postgres = client(try url("audit"))
    superuser = client(all)
  }

  /// Runs `body` with a new database and closes its connections.
  static func with<Value>(_ body: (AuditDatabase) async throws -> Value) async throws -> Value {
    let database = try await AuditDatabase()
    do {
      let value = try await body(database)
      await database.close()
      return value
    } catch {
      await database.close()
      throw error
    }
  }

  func sequences() async throws -> [Int] {
    try await superuser.all("SELECT sequence FROM audit.events ORDER BY sequence") {
      (row) throws(PostgresError) in try row.decode("sequence")
    }
  }

  private func close() async {
    await postgres.close()
    await superuser.close()
  }

  /// Roles belong to the whole cluster, so a test beside this one may be creating them too.
  private static let roles = """
    DO $$ BEGIN
      IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'audit') THEN
        CREATE ROLE audit LOGIN PASSWORD 'test';
        CREATE ROLE audit_owner LOGIN PASSWORD 'test';
        ALTER ROLE audit SET search_path = audit;
        ALTER ROLE audit_owner SET search_path = audit;
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$;
    CREATE SCHEMA audit AUTHORIZATION audit_owner;
    GRANT USAGE ON SCHEMA audit TO audit;
    """
}

extension AuditEvent {
  static func sample(
    _ account: UserID?, id: UUID = UUID(), action: String = "provider-config.create",
    outcome: Outcome = .success, second: Double = 0
  ) -> AuditEvent {
    AuditEvent(
      id: id, time: Date(timeIntervalSince1970: 1_700_000_000 + second),
      actor: Actor(type: "user", id: "1", name: "owner@example.org"), action: action,
      target: Target(type: "provider-config", id: "1", name: "openai/default"),
      outcome: outcome, ipAddress: "192.0.2.1", userAgent: "curl/8", requestID: "r-1",
      details: #"{"purpose": "POST /v1/models"}"#, source: "vault", accountID: account)
  }
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
