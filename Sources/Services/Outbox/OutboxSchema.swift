package import Postgres

/// The outbox's tables, which live in the schema of each service that records receipts.
package enum OutboxSchema {
  /// The migration that creates the tables and lets `runtimeRole` use them.
  ///
  /// - Parameters:
  ///   - number: its place among the service's own migrations.
  ///   - runtimeRole: a role's name, of `a-z 0-9 _`; it stands in the source code, never in data.
  package static func migration(number: Int, runtimeRole: StaticString) -> Migration {
    let template = String(decoding: PackageResources.outbox_sql, as: UTF8.self)
    let role = "\"\(runtimeRole)\""
    let grants = template.split(separator: " TO runtime_role;", omittingEmptySubsequences: false)
    return Migration(number: number, name: "outbox", sql: grants.joined(separator: " TO \(role);"))
  }
}
