import Audit
import Foundation
import Identity
import Logging
import Postgres
import Receipts
import TestSupport

@testable import AuditServer

/// A database with the audit log's schema, and the store on it.
struct AuditDatabase {
  private let database: ServiceDatabase

  /// As the run-time role.
  var postgres: PostgresClient { database.postgres }
  /// May do anything, as somebody with access to the database could.
  var superuser: PostgresClient { database.superuser }
  var store: PostgresAuditStore { PostgresAuditStore(postgres: postgres) }

  /// Runs `body` with a new database and closes its connections.
  static func with<Value>(_ body: (AuditDatabase) async throws -> Value) async throws -> Value {
    try await ServiceDatabase.with(
      schema: "audit", migrations: AuditSchema.migrations
    ) { database in
      try await body(AuditDatabase(database: database))
    }
  }

  func sequences() async throws -> [Int] {
    try await superuser.all("SELECT sequence FROM audit.events ORDER BY sequence") {
      (row) throws(PostgresError) in try row.decode("sequence")
    }
  }
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

extension Logger {
  static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
