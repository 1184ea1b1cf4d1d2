import Identity
import Logging
import Outbox
import Postgres
import Protobuf
import ServiceAPI
import TestSupport

@testable import Auth
@testable import AuthServer

/// A database with the schema of auth, as the service has it: migrated by its owner, used by its
/// run-time role. One for all tests; each works with accounts of its own.
struct AuthDatabase {
  /// As the run-time role.
  let client: PostgresClient
  let store: PostgresAuthStore
  /// Connection URLs of the run-time role and of the schema's owner.
  let urls: (runtime: String, owner: String)

  static func shared() async throws -> AuthDatabase { try await SharedDatabase.instance.value }

  /// What the account's log would show, oldest first.
  func receipts(of account: Account) async throws -> [AuditAPI.AuditEvent] {
    try await receipts(accountID: account.id.text)
  }

  func receipts(accountID: String) async throws -> [AuditAPI.AuditEvent] {
    let events = try await client.all("SELECT event FROM outbox ORDER BY position") {
      row throws(PostgresError) in try row.decode("event", as: [UInt8].self)
    }
    return try events.map { try AuditAPI.AuditEvent(unpacking: $0) }
      .filter { $0.accountId == accountID }
  }
}

private enum SharedDatabase {
  /// Unstructured: it outlives the test that happens to come first.
  static let instance = Task {
    let database = try await ServiceDatabase(schema: "auth", migrations: AuthSchema.migrations)
    return AuthDatabase(
      client: database.postgres,
      store: PostgresAuthStore(
        postgres: database.postgres, outbox: PostgresOutbox(),
        uses: UseNotes(
          postgres: database.postgres,
          logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
        mails: MailQueue(), codes: try AccountKeys.forTests.codes),
      urls: database.urls)
  }
}
