import Foundation
import Identity
import LocalDeployment
import Logging
import NIOPosix
import Outbox
import Postgres
import Protobuf
import ServiceAPI

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

  static func shared() async throws -> AuthDatabase { try await SharedDatabase.instance.get() }

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

private actor SharedDatabase {
  static let instance = SharedDatabase()
  /// Removed when the process ends; the server ends with the process by itself.
  private static let directory = FileManager.default.temporaryDirectory
    .appendingPathComponent("chatelaine-auth-\(UUID().uuidString.prefix(8))").path

  private var starting: Task<AuthDatabase, any Error>?
  private var cluster: PostgresCluster?

  func get() async throws -> AuthDatabase {
    if let starting { return try await starting.value }
    // Unstructured: it outlives the test that happens to come first.
    let task = Task { try await start() }
    starting = task
    return try await task.value
  }

  private func start() async throws -> AuthDatabase {
    atexit { try? FileManager.default.removeItem(atPath: SharedDatabase.directory) }
    let cluster = try PostgresCluster(directory: Self.directory, durability: .relaxedForTests)
    try await cluster.start()
    self.cluster = cluster
    try await cluster.runScript(
      """
      CREATE ROLE auth LOGIN PASSWORD 'test';
      CREATE ROLE auth_owner LOGIN PASSWORD 'test';
      ALTER ROLE auth SET search_path = auth;
      ALTER ROLE auth_owner SET search_path = auth;
      CREATE SCHEMA auth AUTHORIZATION auth_owner;
      GRANT USAGE ON SCHEMA auth TO auth;
      """)
    let urls = (
      runtime: cluster.connectionURL(user: "auth", database: "postgres", password: "test"),
      owner: cluster.connectionURL(user: "auth_owner", database: "postgres", password: "test")
    )
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    try await PostgresMigrator.migrate(
      AuthSchema.migrations, schema: "auth", using: try PostgresConfiguration(url: urls.owner),
      logger: logger)
    let client = PostgresClient(
      try PostgresConfiguration(url: urls.runtime),
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    return AuthDatabase(
      client: client, store: PostgresAuthStore(postgres: client, outbox: PostgresOutbox()),
      urls: urls)
  }
}
