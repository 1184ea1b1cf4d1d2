import LocalDeployment
import Logging
import NIOPosix
package import Postgres

/// A database with one service's schema as the service has it: migrated by its owner, used by its
/// run-time role.
///
/// A schema is migrated once per process, into a template; each database is a copy of that.
package struct ServiceDatabase: Sendable {
  /// For a machine on which every other test runs too.
  package static let patience: Duration = .seconds(120)

  package let name: String
  /// As the run-time role.
  package let postgres: PostgresClient
  /// May do anything, as somebody with access to the database could.
  package let superuser: PostgresClient
  /// Connection URLs of the run-time role and of the schema's owner.
  package let urls: (runtime: String, owner: String)

  /// - Parameter schema: also the name of the run-time role; `<schema>_owner` owns it.
  package init(schema: String, migrations: [Migration]) async throws {
    let configuration = try await TestPostgres.shared.database(
      copying: schema
    ) { template in
      try await Self.prepare(template, schema: schema, migrations: migrations)
    }
    let cluster = try await TestPostgres.shared.cluster()
    name = configuration.parameters.first { $0.name == "dbname" }?.value ?? ""
    urls = (
      runtime: cluster.connectionURL(user: schema, database: name, password: "test"),
      owner: cluster.connectionURL(user: "\(schema)_owner", database: name, password: "test")
    )
    postgres = Self.client(try PostgresConfiguration(url: urls.runtime))
    superuser = Self.client(configuration)
  }

  /// Runs `body` with a new database and closes its connections.
  package static func with<Value>(
    schema: String, migrations: [Migration],
    _ body: (ServiceDatabase) async throws -> Value
  ) async throws -> Value {
    let database = try await ServiceDatabase(schema: schema, migrations: migrations)
    do {
      let value = try await body(database)
      await database.close()
      return value
    } catch {
      await database.close()
      throw error
    }
  }

  package func close() async {
    await postgres.close()
    await superuser.close()
  }

  private static func client(_ configuration: PostgresConfiguration) -> PostgresClient {
    var patient = configuration
    patient.acquireTimeout = patience
    patient.connectTimeout = patience
    patient.queryTimeout = patience
    patient.transactionTimeout = patience
    return PostgresClient(
      patient, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: .quiet)
  }

  /// Roles belong to the whole cluster; the template of a schema is made once, so they are too.
  private static func prepare(
    _ template: String, schema: String, migrations: [Migration]
  ) async throws {
    let cluster = try await TestPostgres.shared.cluster()
    let owner = "\(schema)_owner"
    try await cluster.runScript(
      """
      CREATE ROLE \(schema) LOGIN PASSWORD 'test';
      CREATE ROLE \(owner) LOGIN PASSWORD 'test';
      ALTER ROLE \(schema) SET search_path = \(schema);
      ALTER ROLE \(owner) SET search_path = \(schema);
      CREATE SCHEMA \(schema) AUTHORIZATION \(owner);
      GRANT USAGE ON SCHEMA \(schema) TO \(schema);
      """, database: template)
    try await PostgresMigrator.migrate(
      Schema(name: schema, migrations: migrations),
      using: try PostgresConfiguration(
        url: cluster.connectionURL(user: owner, database: template, password: "test")),
      logger: .quiet)
  }
}

extension Logger {
  /// Says nothing: what a test is about shows in its expectations.
  fileprivate static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
