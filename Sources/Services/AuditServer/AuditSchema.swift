import Postgres

/// The schema of `audit`, step by step.
enum AuditSchema {
  static let schema = Schema(name: "audit", migrations: migrations)

  static let migrations = [
    Migration(number: 1, name: "events", sql: PackageResources._001_events_sql),
    Migration(number: 2, name: "events_by_time", sql: PackageResources._002_events_by_time_sql),
    Migration(number: 3, name: "filters", sql: PackageResources._003_filters_sql),
    Migration(number: 4, name: "erasure", sql: PackageResources._004_erasure_sql),
    Migration(number: 5, name: "transparency", sql: PackageResources._005_transparency_sql),
    Migration(number: 6, name: "figures", sql: PackageResources._006_figures_sql),
  ]
}
