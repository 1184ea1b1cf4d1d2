import Cryptography
import Foundation
import Postgres
import Threads

/// The database of a deployment: one schema per service, each with two roles that reach nothing
/// else.
///
/// `<schema>_owner` owns the schema and runs its migrations. `<schema>` serves: it may use the
/// schema, and its rights on each table are what the migrations grant it.
package struct DatabaseRoles: Sendable {
  package static let database = "chatelaine"
  package static let schemas = ["auth", "vault", "audit"]
  /// Every role: both of each schema.
  package static let all = schemas.flatMap { [owner(of: $0), $0] }

  package static func owner(of schema: String) -> String { schema + "_owner" }

  /// As a role that may create roles and databases; a superuser, or what hosted servers give.
  let administrator: PostgresConfiguration
  let database: String
  /// Nobody else uses the server: roles get into no other of its databases.
  let isOwnServer: Bool

  /// How a role reaches the database.
  func configuration(of role: String, password: SecretBytes) -> PostgresConfiguration {
    administrator.connecting(as: role, password: password, to: database)
  }

  /// Creates what is missing and returns a line for each thing that was made or mended; repeating
  /// it changes nothing.
  ///
  /// - Parameter passwords: of every role in `all`. A role that can't log in with its own gets it.
  /// - Throws: `DeploymentError.database` with what the server said.
  func provision(passwords: [String: SecretBytes]) async throws -> [String] {
    try await OwnThread.run {
      do throws(PostgresError) {
        var provision = RoleProvision(self, passwords)
        return try provision.run()
      } catch {
        throw DeploymentError.database("\(error)")
      }
    }
  }

  /// Whether the vault's schema holds keys that are sealed under a master key.
  func holdsSealedKeys() async throws -> Bool {
    try await OwnThread.run {
      do throws(PostgresError) {
        return try RoleProvision(self, [:]).holdsSealedKeys()
      } catch {
        throw DeploymentError.database("\(error)")
      }
    }
  }
}

/// One run of the administrator, on a thread that may block.
private struct RoleProvision {
  private static let timeout: Duration = .seconds(30)
  /// How long replicas may take to hear of a new database.
  private static let replicaPatience: Duration = .seconds(10)
  private static let replicaPauseMicroseconds: UInt32 = 100_000
  /// Two runs at once would create the same roles.
  private static let lockKey = 0x6368_6174_656c

  private let roles: DatabaseRoles
  private let passwords: [String: SecretBytes]
  private var made: [String] = []
  private var newRoles: Set<String> = []

  init(_ roles: DatabaseRoles, _ passwords: [String: SecretBytes]) {
    (self.roles, self.passwords) = (roles, passwords)
  }

  private var database: String { roles.database }
  private var quoted: String { PostgresCluster.identifier(database) }

  mutating func run() throws(PostgresError) -> [String] {
    let outside = try MigrationSession(roles.administrator)
    try outside.run("SELECT pg_advisory_lock(\(Self.lockKey))", timeout: Self.timeout)
    if try !databaseExists(outside) {
      try outside.run(text: "CREATE DATABASE \(quoted)", timeout: Self.timeout)
      made.append("database \(database)")
    }
    if roles.isOwnServer {
      try outside.run(
        text: "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC", timeout: Self.timeout)
    }
    let session = try sessionInDatabase()
    try closeToOthers(session)
    for schema in DatabaseRoles.schemas {
      for role in [DatabaseRoles.owner(of: schema), schema] {
        try makeRole(role, schema: schema, session)
      }
      try makeSchema(schema, session)
    }
    for role in DatabaseRoles.all { try setPassword(of: role, session) }
    return made
  }

  /// Where several hosts are named, libpq asks one after the other which of them takes writes; a
  /// replica that has not heard of the database yet ends that with an error.
  private func sessionInDatabase() throws(PostgresError) -> MigrationSession {
    let configuration = roles.administrator.connecting(to: database)
    let deadline = ContinuousClock.now + Self.replicaPatience
    while true {
      do throws(PostgresError) {
        return try MigrationSession(configuration)
      } catch {
        guard case .connectionFailed = error, !made.isEmpty, .now < deadline else { throw error }
      }
      usleep(Self.replicaPauseMicroseconds)
    }
  }

  func holdsSealedKeys() throws(PostgresError) -> Bool {
    let outside = try MigrationSession(roles.administrator)
    guard try databaseExists(outside) else { return false }
    let session = try MigrationSession(roles.administrator.connecting(to: database))
    // Not to_regclass, which needs rights on the schema.
    guard
      try isTrue(
        """
        SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'vault' AND tablename = 'data_keys')
        """, session)
    else { return false }
    // Only the owner's rights are certain to suffice; the membership goes with the transaction.
    let owner = DatabaseRoles.owner(of: "vault")
    let membership =
      try needsMembership(of: owner, session) ? "GRANT \(owner) TO CURRENT_USER;" : ""
    try session.run(
      text: "BEGIN; \(membership) SET LOCAL ROLE \(owner)", timeout: Self.timeout)
    let holds = try isTrue("SELECT EXISTS (SELECT FROM vault.data_keys)", session)
    try session.run(text: "ROLLBACK", timeout: Self.timeout)
    return holds
  }

  private func databaseExists(_ session: MigrationSession) throws(PostgresError) -> Bool {
    try isTrue("SELECT EXISTS (SELECT FROM pg_database WHERE datname = \(database))", session)
  }

  private func isTrue(
    _ query: PostgresQuery, _ session: MigrationSession
  ) throws(PostgresError) -> Bool {
    try session.run(query, timeout: Self.timeout)[0].decode(0)
  }

  private mutating func closeToOthers(_ session: MigrationSession) throws(PostgresError) {
    if try isTrue(
      "SELECT has_database_privilege('public', \(database), 'CONNECT, TEMPORARY')", session)
    {
      try session.run(text: "REVOKE ALL ON DATABASE \(quoted) FROM PUBLIC", timeout: Self.timeout)
      made.append("the database is closed to other roles")
    }
    if try isTrue(
      """
      SELECT coalesce(has_schema_privilege('public', to_regnamespace('public')::oid,
        'USAGE, CREATE'), false)
      """, session)
    {
      try session.run(text: "REVOKE ALL ON SCHEMA public FROM PUBLIC", timeout: Self.timeout)
    }
  }

  private mutating func makeRole(
    _ role: String, schema: String, _ session: MigrationSession
  ) throws(PostgresError) {
    let found = try session.run(
      """
      SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS mighty,
             rolcanlogin AS "canLogIn"
        FROM pg_roles WHERE rolname = \(role)
      """, timeout: Self.timeout)
    if found.count == 0 {
      try session.run(text: "CREATE ROLE \(role) LOGIN", timeout: Self.timeout)
      made.append("role \(role)")
      newRoles.insert(role)
    } else {
      if try found[0].decode("mighty", as: Bool.self) {
        try session.run(
          text: """
            ALTER ROLE \(role) NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
            """, timeout: Self.timeout)
        made.append("role \(role) lost rights that it must not have")
      }
      if try !found[0].decode("canLogIn", as: Bool.self) {
        try session.run(text: "ALTER ROLE \(role) LOGIN", timeout: Self.timeout)
      }
    }
    if try !isTrue("SELECT has_database_privilege(\(role), \(database), 'CONNECT')", session) {
      try session.run(text: "GRANT CONNECT ON DATABASE \(quoted) TO \(role)", timeout: Self.timeout)
    }
    let path: PostgresQuery = """
      SELECT EXISTS (
        SELECT FROM pg_db_role_setting AS s
          JOIN pg_database AS d ON d.oid = s.setdatabase
          JOIN pg_roles AS r ON r.oid = s.setrole
         WHERE d.datname = \(database) AND r.rolname = \(role)
           AND \("search_path=" + schema) = ANY (s.setconfig))
      """
    if try !isTrue(path, session) {
      try session.run(
        text: "ALTER ROLE \(role) IN DATABASE \(quoted) SET search_path = \(schema)",
        timeout: Self.timeout)
    }
  }

  private mutating func makeSchema(
    _ schema: String, _ session: MigrationSession
  ) throws(PostgresError) {
    let owner = DatabaseRoles.owner(of: schema)
    let exists = try isTrue(
      "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = \(schema))", session)
    if exists,
      try isTrue("SELECT has_schema_privilege(\(schema), \(schema), 'USAGE')", session),
      try !isTrue("SELECT has_schema_privilege('public', \(schema), 'USAGE, CREATE')", session)
    {
      return
    }
    // To give a schema away one must belong to the role that gets it, unless one is a superuser.
    let isMissing = try needsMembership(of: owner, session)
    try session.run(
      text: """
        BEGIN;
        \(isMissing ? "GRANT \(owner) TO CURRENT_USER;" : "")
        CREATE SCHEMA IF NOT EXISTS \(schema) AUTHORIZATION \(owner);
        REVOKE ALL ON SCHEMA \(schema) FROM PUBLIC;
        GRANT USAGE ON SCHEMA \(schema) TO \(schema);
        \(isMissing ? "REVOKE \(owner) FROM CURRENT_USER;" : "")
        COMMIT
        """, timeout: Self.timeout)
    made.append("schema \(schema)")
  }

  private func needsMembership(
    of role: String, _ session: MigrationSession
  ) throws(PostgresError) -> Bool {
    try !isTrue("SELECT pg_has_role(current_user, \(role), 'USAGE')", session)
  }

  /// Tries the password first, as one that holds is not set again.
  private mutating func setPassword(
    of role: String, _ session: MigrationSession
  ) throws(PostgresError) {
    guard let password = passwords[role] else { return }
    if !newRoles.contains(role),
      (try? MigrationSession(roles.configuration(of: role, password: password))) != nil
    {
      return
    }
    guard let verifier = session.verifier(ofPassword: password, role: role) else {
      throw .connectionFailed(detail: "libpq can't prepare a password")
    }
    try session.run(
      text: "ALTER ROLE \(role) PASSWORD \(PostgresCluster.literal(verifier))",
      timeout: Self.timeout)
    if !newRoles.contains(role) { made.append("password of role \(role)") }
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
