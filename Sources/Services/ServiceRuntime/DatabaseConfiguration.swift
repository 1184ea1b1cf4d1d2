package import Postgres

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
    guard var runtime, let migration else { return nil }
    runtime.connectionsMax = connectionsMax
    self.init(runtime: runtime, migration: migration)
  }
}
