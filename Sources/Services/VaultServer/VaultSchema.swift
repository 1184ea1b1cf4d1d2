import Outbox
import Postgres

/// The schema of `vault`, step by step.
enum VaultSchema {
  static let schema = Schema(name: "vault", migrations: migrations)

  static let migrations = [
    Migration(
      number: 1, name: "provider_configs", sql: PackageResources._001_provider_configs_sql),
    OutboxSchema.migration(number: 2, runtimeRole: "vault"),
    Migration(number: 3, name: "key_health", sql: PackageResources._003_key_health_sql),
    Migration(number: 4, name: "key_rotation", sql: PackageResources._004_key_rotation_sql),
    Migration(number: 5, name: "erasure", sql: PackageResources._005_erasure_sql),
    Migration(number: 6, name: "life_of_keys", sql: PackageResources._006_life_of_keys_sql),
    Migration(number: 7, name: "second_keys", sql: PackageResources._007_second_keys_sql),
  ]
}
