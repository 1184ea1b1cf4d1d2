package import Cryptography

/// How a service reaches its schema.
package struct DatabaseConfiguration: Sendable {
  /// A libpq connection string of the role that reads and writes rows.
  package let url: SecretBytes
  /// A libpq connection string of the role that owns the schema; used before listening, then not
  /// kept.
  package let migrationURL: SecretBytes
  /// Connections to PostgreSQL; each carries many queries at once.
  package let connectionsMax: Int

  package init(from reader: inout ConfigurationReader) {
    url = reader.secret(
      "DATABASE_URL", doc: "PostgreSQL connection string of the service's run-time role.")
    migrationURL = reader.secret(
      "MIGRATION_DATABASE_URL",
      doc: "PostgreSQL connection string of the role that owns the service's schema.")
    connectionsMax = reader.integer(
      "DATABASE_CONNECTIONS_MAX", default: 4, in: 1...100,
      doc: "Connections to PostgreSQL; each carries many queries at once.")
  }

  package init(url: SecretBytes, migrationURL: SecretBytes, connectionsMax: Int = 4) {
    self.url = url
    self.migrationURL = migrationURL
    self.connectionsMax = connectionsMax
  }
}
