/// How a database's schema stands to the program that wants to use it.
package enum SchemaVersion: Sendable, Equatable {
  /// All that the program knows has been applied; perhaps more, which old code doesn't mind.
  case usable(version: Int)
  /// Migrations are missing.
  case older(version: Int, needed: Int)
  /// A later release has changed what this program relies on.
  case tooNew(version: Int, needsProgram: Int, known: Int)
}

extension Schema {
  /// Compares the database with the program, as the run-time role, whose search path is the
  /// schema.
  ///
  /// - Throws: `PostgresError` when the database can't be asked. A schema that was never migrated,
  ///   or whose table this role may not read yet, has version 0.
  package func version(in postgres: PostgresClient) async throws(PostgresError) -> SchemaVersion {
    let found: (version: Int, minimum: Int)?
    do throws(PostgresError) {
      found = try await postgres.first(
        """
        SELECT count(*) AS version, coalesce(max(minimum_version), 0)::bigint AS minimum
          FROM schema_migrations
        """
      ) { (row) throws(PostgresError) in
        (try row.decode("version"), try row.decode("minimum"))
      }
    } catch {
      guard case .server(let server) = error, Self.notMigrated.contains(server.sqlState) else {
        throw error
      }
      found = nil
    }
    let known = self.version
    guard let found, found.version >= known else {
      return .older(version: found?.version ?? 0, needed: known)
    }
    guard found.minimum <= known else {
      return .tooNew(version: found.version, needsProgram: found.minimum, known: known)
    }
    return .usable(version: found.version)
  }

  /// No such schema, table or column, or no right to read it.
  private static let notMigrated: Set<SQLState> = [
    SQLState(rawValue: "3F000"), SQLState(rawValue: "42P01"), SQLState(rawValue: "42703"),
    .insufficientPrivilege,
  ]
}
