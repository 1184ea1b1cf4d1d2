import Outbox
import Postgres

/// The vault's schema, step by step.
enum VaultMigrations {
  static let schema = "vault"

  static var all: [Migration] {
    [
      Migration(
        number: 1, name: "provider_configs",
        sql: PackageResources._001_provider_configs_sql),
      OutboxSchema.migration(number: 2, runtimeRole: "vault"),
    ]
  }
}
