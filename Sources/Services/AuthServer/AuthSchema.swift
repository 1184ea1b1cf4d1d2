internal import Outbox
internal import Postgres

/// The steps of the schema `auth`, in order.
enum AuthSchema {
  static let migrations = [
    Migration(number: 1, name: "accounts", sql: PackageResources._001_accounts_sql),
    OutboxSchema.migration(number: 2, runtimeRole: "auth"),
  ]
}
