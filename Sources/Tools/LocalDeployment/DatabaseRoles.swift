import Foundation

/// The database of a deployment: one schema per service, each with two roles that reach nothing
/// else.
///
/// `<schema>_owner` owns the schema and runs its migrations. `<schema>` serves: it may use the
/// schema, and its rights on each table are what the migrations grant it.
package struct DatabaseRoles: Sendable {
  package static let database = "chatelaine"
  package static let schemas = ["auth", "vault", "audit"]

  package static func owner(of schema: String) -> String { schema + "_owner" }

  let state: StateDirectory

  /// Creates what is missing, sets every role's password to its file's, and writes the connection
  /// strings; repeating it changes nothing.
  func provision(on cluster: PostgresCluster) async throws {
    try await cluster.runScript(Self.databaseScript)
    var script = Self.lockDownScript
    for schema in Self.schemas {
      let owner = Self.owner(of: schema)
      for role in [owner, schema] {
        let password = try password(of: role)
        script += Self.roleScript(role: role, schema: schema, password: password)
        try SecretFile.write(
          cluster.connectionURL(user: role, database: Self.database, password: password) + "\n",
          to: state.databaseURLFile(of: role))
      }
      script += """
        CREATE SCHEMA IF NOT EXISTS \(schema) AUTHORIZATION \(owner);
        REVOKE ALL ON SCHEMA \(schema) FROM PUBLIC;
        GRANT USAGE ON SCHEMA \(schema) TO \(schema);

        """
    }
    try await cluster.runScript("BEGIN;\n\(script)COMMIT;\n", database: Self.database)
  }

  private func password(of role: String) throws -> String {
    let path = state.passwordFile(of: role)
    if let existing = try SecretFile.readLine(path), !existing.isEmpty { return existing }
    let password = try RandomText.password()
    try SecretFile.write(password + "\n", to: path)
    return password
  }

  /// CREATE DATABASE runs in no transaction and knows no IF NOT EXISTS; psql's \gexec runs what the
  /// query returns. Nobody but the superuser gets into the other databases.
  private static let databaseScript = """
    SELECT 'CREATE DATABASE \(database)'
     WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '\(database)') \\gexec
    REVOKE ALL ON DATABASE \(database), postgres, template1 FROM PUBLIC;

    """

  private static let lockDownScript = """
    REVOKE ALL ON SCHEMA public FROM PUBLIC;

    """

  private static func roleScript(role: String, schema: String, password: String) -> String {
    """
    SELECT 'CREATE ROLE \(role)'
     WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '\(role)') \\gexec
    ALTER ROLE \(role) LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
      PASSWORD \(PostgresCluster.literal(password));
    ALTER ROLE \(role) IN DATABASE \(database) SET search_path = \(schema);
    GRANT CONNECT ON DATABASE \(database) TO \(role);

    """
  }
}

/// Random text from the kernel's generator.
enum RandomText {
  private static let passwordBytes = 32

  /// 256 bits as 43 characters of base64url: safe in URLs, SQL literals and password files.
  static func password() throws -> String {
    var bytes = [UInt8](repeating: 0, count: passwordBytes)
    guard getentropy(&bytes, bytes.count) == 0 else {
      throw DeploymentError.environment("the kernel's random generator failed")
    }
    return Data(bytes).base64EncodedString()
      .replacingOccurrences(of: "+", with: "-")
      .replacingOccurrences(of: "/", with: "_")
      .replacingOccurrences(of: "=", with: "")
  }
}
