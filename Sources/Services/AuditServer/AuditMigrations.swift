import Postgres

/// The audit log's schema, step by step.
enum AuditMigrations {
  static let schema = "audit"

  static var all: [Migration] {
    [Migration(number: 1, name: "events", sql: PackageResources._001_events_sql)]
  }
}
