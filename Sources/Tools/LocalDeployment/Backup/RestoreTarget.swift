import Cryptography
import Foundation
import Postgres
import Threads

/// The database that a backup is to be restored into, and what must hold before it is.
package struct RestoreTarget: Sendable {
  private let database: OwnedDatabase
  private let keyring: KeyringFile?
  private let binaries: String
  private let replaces: Bool

  /// - Parameters:
  ///   - keyring: compared with what the backup needs, where there is such a file already.
  ///   - binaries: directory of the services' executables, which know their migrations.
  ///   - replaces: drop what the schemas hold.
  package init(
    _ database: OwnedDatabase, keyring: KeyringFile?, binaries: String, replaces: Bool
  ) {
    self.database = database
    self.keyring = keyring
    self.binaries = binaries
    self.replaces = replaces
  }

  /// What takes the data.
  ///
  /// - Throws: `DeploymentError` when the backup needs other programs, another server or another
  ///   master key, or when somebody's data are in the way.
  func open(for manifest: BackupManifest) async throws -> SchemaLoads {
    try checkMasterKey(manifest)
    let job = MigrationJob(binaries: binaries)
    for (schema, version) in manifest.schemas {
      let known = try await job.knownVersion(of: schema)
      guard version.programVersionMin <= known else {
        throw DeploymentError.backup(
          .tooNew(
            "its schema \(schema) needs programs that know migration \(version.programVersionMin), "
              + "and these know \(known)"))
      }
    }
    let release = try await OwnThread.run { [self] in
      do throws(PostgresError) { return try serverRelease() } catch {
        throw DeploymentError.database("\(error)")
      }
    }
    guard release >= manifest.serverRelease else {
      throw DeploymentError.database(
        "the backup is of PostgreSQL \(manifest.serverRelease), and this server is only \(release)")
    }
    try await OwnThread.run { [self] in
      for schema in DatabaseRoles.schemas { try checkSchema(schema) }
    }
    let tools = try PostgresTools(release: release, programs: ["pg_restore", "psql"])
    return SchemaLoads(database: database, tools: tools, replaces: replaces)
  }

  private func checkMasterKey(_ manifest: BackupManifest) throws {
    // One that this user may not read is not looked at: the vault will.
    guard let keyring, access(keyring.path, R_OK) == 0, !manifest.masterKeyIDs.isEmpty else {
      return
    }
    let ids = try keyring.read().map(\.identifier)
    guard !manifest.masterKeyIDsKnown.contains(where: ids.contains) else { return }
    let needed = manifest.masterKeyIDs.joined(separator: ", ")
    throw DeploymentError.file(
      path: keyring.path,
      reason: "holds the master key \(ids.joined(separator: ", ")), and the keys in the backup are "
        + "sealed under \(needed); put that one in its place first")
  }

  private func serverRelease() throws(PostgresError) -> Int {
    guard let configuration = database.configurations["auth"] else { throw .connectionClosed }
    return try MigrationSession(configuration).run(
      "SELECT current_setting('server_version_num')::bigint / 10000",
      timeout: OwnedDatabase.timeout)[0].decode(0)
  }

  private func checkSchema(_ schema: String) throws {
    let state: (isThere: Bool, isEmpty: Bool, isUsed: Bool)
    do throws(PostgresError) {
      state = try look(at: schema)
    } catch {
      throw DeploymentError.database("\(error)")
    }
    guard state.isThere else {
      throw DeploymentError.database(
        "there is no schema \(schema); make roles and schemas with chatelaine init first")
    }
    guard !state.isUsed else {
      throw DeploymentError.database(
        "\(schema) is connected to the database; stop the services before a restore")
    }
    guard state.isEmpty || replaces else {
      throw DeploymentError.database(
        "the schema \(schema) holds tables already; restore into another database, or have them "
          + "dropped with --replace")
    }
  }

  private func look(
    at schema: String
  ) throws(PostgresError) -> (isThere: Bool, isEmpty: Bool, isUsed: Bool) {
    guard let configuration = database.configurations[schema] else { throw .connectionClosed }
    let row = try MigrationSession(configuration).run(
      """
      SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = \(schema)) AS there,
             NOT EXISTS (
               SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname = \(schema)) AS empty,
             EXISTS (
               SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND usename::text = \(schema)) AS used
      """, timeout: OwnedDatabase.timeout)[0]
    return (try row.decode("there"), try row.decode("empty"), try row.decode("used"))
  }
}

extension MigrationJob {
  /// How many migrations the program beside us knows.
  func knownVersion(of schema: String) async throws -> Int {
    let output = try await run(schema, arguments: ["--version"], environment: [:])
    guard let version = Int(output) else {
      throw DeploymentError.programFailed(
        name: schema, exit: "it says no number of migrations", output: output)
    }
    return version
  }
}
