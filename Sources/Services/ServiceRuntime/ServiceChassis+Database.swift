package import Postgres
package import ServiceLifecycle

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
