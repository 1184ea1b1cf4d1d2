package import Postgres
package import ServiceLifecycle

/// How a service reaches its schema.
package struct DatabaseConfiguration: Sendable {
  /// As the role that reads and writes rows.
  package let runtime: PostgresConfiguration
  /// As the role that owns the schema; used before listening only.
  package let migration: PostgresConfiguration

  package init(runtime: PostgresConfiguration, migration: PostgresConfiguration) {
    self.runtime = runtime
    self.migration = migration
  }

  /// Reads the settings; nil when the reader has noted problems with them.
  package init?(from reader: inout ConfigurationReader) {
    let runtime = reader.secret(
      "DATABASE_URL", doc: "PostgreSQL connection URL of the service's run-time role.",
      parse: { try PostgresConfiguration(url: $0) })
    let migration = reader.secret(
      "MIGRATION_DATABASE_URL",
      doc: "PostgreSQL connection URL of the role that owns the service's schema.",
      parse: { try PostgresConfiguration(url: $0) })
    let connectionsMax = reader.integer(
      "DATABASE_CONNECTIONS_MAX", default: PostgresConfiguration.connectionsMaxDefault,
      in: 1...100, doc: "Connections to PostgreSQL; each carries many queries at once.")
    let pooler =
      reader.parsed(
        "DATABASE_POOLER", default: PostgresConfiguration.Pooler.none.rawValue,
        doc: "What stands between the service and PostgreSQL: none, or transaction for PgBouncer "
          + "with pool_mode=transaction. Migrations always need the server itself.",
        expected: "none or transaction", parse: PostgresConfiguration.Pooler.init(rawValue:))
      ?? .none
    guard var runtime, let migration else { return nil }
    runtime.connectionsMax = connectionsMax
    runtime.pooler = pooler
    self.init(runtime: runtime, migration: migration)
  }
}

extension ServiceChassis {
  /// Brings the service's schema, which has the service's name, up to date and connects to it;
  /// `service` belongs first into the list of what the process runs.
  ///
  /// Throws when a migration fails: a service never runs on a schema that it doesn't know.
  package func database(
    _ configuration: DatabaseConfiguration, migrations: [Migration]
  ) async throws -> (client: PostgresClient, service: any Service) {
    try await PostgresMigrator.migrate(
      migrations, schema: name, using: configuration.migration, logger: logger)
    let client = PostgresClient(
      configuration.runtime, eventLoopGroup: eventLoopGroup, logger: logger)
    return (client, PostgresService(client: client))
  }
}

/// Keeps the database's connections until everything that queries has stopped.
private struct PostgresService: Service {
  let client: PostgresClient

  func run() async throws {
    try await withGracefulShutdownHandler {
      try await client.run()
    } onGracefulShutdown: {
      client.beginGracefulShutdown()
    }
  }
}
