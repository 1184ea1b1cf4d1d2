import Foundation
import Postgres
import Threads

/// `chatelaine backup`: the three schemas as they were at one moment, encrypted on their way to the
/// file. Memory stays flat, and nothing is on the disk in the clear at any time.
package struct DatabaseBackup: Sendable {
  /// What was made.
  package struct Report: Sendable, Equatable {
    package let manifest: BackupManifest
    /// Bytes of each schema's dump, which is compressed.
    package let dumpBytes: [String: Int]
    /// Bytes of the file; nil when it went to standard output.
    package let fileBytes: Int?
  }

  /// Where the backup goes.
  package enum Destination: Sendable, Equatable {
    /// Must not be there yet; appears under this name when it is whole.
    case file(String)
    case standardOutput
  }

  private let database: OwnedDatabase
  private let encryption: Command

  /// - Throws: `DeploymentError.missingProgram` when `age` is not installed.
  package init(of database: OwnedDatabase, encryptedFor key: AgeEncryption.Key) throws {
    self.database = database
    encryption = try AgeEncryption().encryption(for: key)
  }

  /// - Throws: `DeploymentError`; then there is no file.
  package func run(to destination: Destination) async throws -> Report {
    let file = try BackupFile(destination)
    do {
      let report = try await write(to: file)
      try file.keep()
      return Report(
        manifest: report.manifest, dumpBytes: report.dumpBytes, fileBytes: file.byteCount)
    } catch {
      file.discard()
      throw error
    }
  }

  private func write(to file: BackupFile) async throws -> Report {
    let database = database
    let snapshot = try await OwnThread.run {
      do throws(PostgresError) { return try Snapshot(of: database) } catch {
        throw DeploymentError.database("\(error)")
      }
    }
    defer { withExtendedLifetime(snapshot) {} }
    let tools = try PostgresTools(
      release: snapshot.manifest.serverRelease, programs: ["pg_dump"])
    let pipe = try Pipe.make()
    let age = try await PipelineProgram(encryption, input: pipe.read, output: file.descriptor)
    pipe.read.close()
    do {
      let sizes = try await dump(snapshot, with: tools, to: pipe.write)
      if let reason = await age.failure() { throw Self.encryptionFailed(reason) }
      return Report(manifest: snapshot.manifest, dumpBytes: sizes, fileBytes: nil)
    } catch {
      // `age` must not take the end of its input for the backup's; where it has ended by itself, it
      // knows why our writing failed.
      age.kill()
      pipe.write.close()
      if let reason = await age.failure(), reason != "\(ProcessExit.signal(SIGKILL))" {
        throw Self.encryptionFailed(reason)
      }
      throw error
    }
  }

  private static func encryptionFailed(_ reason: String) -> DeploymentError {
    .programFailed(name: "age", exit: "no backup was made", output: reason)
  }

  private func dump(
    _ snapshot: Snapshot, with tools: PostgresTools, to output: Descriptor
  ) async throws -> [String: Int] {
    var writer = BackupArchiveWriter(output: output)
    let manifest = snapshot.manifest
    try await OwnThread.run { [writer] in try writer.write(manifest) }
    var sizes: [String: Int] = [:]
    for schema in DatabaseRoles.schemas {
      let command = try database.command(
        tools.path("pg_dump"),
        ["--format=custom", "--schema=\(schema)", "--snapshot=\(snapshot.id)"], as: schema)
      let pipe = try Pipe.make()
      let program = try await PipelineProgram(command, input: nil, output: pipe.write)
      pipe.write.close()
      do {
        (writer, sizes[schema]) = try await OwnThread.run { [writer] in
          var writer = writer
          let size = try writer.copy(pipe.read, as: schema)
          return (writer, size)
        }
      } catch {
        program.kill()
        throw error
      }
      if let reason = await program.failure() {
        throw DeploymentError.programFailed(
          name: "pg_dump", exit: "of the schema \(schema)", output: reason)
      }
    }
    try await OwnThread.run { [writer] in try writer.finish() }
    return sizes
  }
}

/// One moment of the database, which lasts as long as the object: every dump sees the same.
private final class Snapshot: @unchecked Sendable {
  let id: String
  let manifest: BackupManifest
  /// Used by the thread that opens them, and then only kept open.
  private let sessions: [MigrationSession]

  init(of database: OwnedDatabase) throws(PostgresError) {
    var sessions: [MigrationSession] = []
    var id: String?
    var schemas: [String: BackupManifest.Schema] = [:]
    for schema in DatabaseRoles.schemas {
      let session = try Self.open(database, schema)
      if let id {
        try session.run(
          text: "SET TRANSACTION SNAPSHOT \(PostgresCluster.literal(id))",
          timeout: OwnedDatabase.timeout)
      } else {
        id = try session.run(
          "SELECT pg_export_snapshot()", timeout: OwnedDatabase.timeout)[0].decode(0)
      }
      sessions.append(session)
      schemas[schema] = try Self.version(session, schema)
    }
    guard let id, let first = sessions.first else { throw .connectionClosed }
    let about = try first.run(
      """
      SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time,
             current_database()::text AS database,
             current_setting('server_version_num')::bigint / 10000 AS release
      """, timeout: OwnedDatabase.timeout)[0]
    let vault = sessions[DatabaseRoles.schemas.firstIndex(of: "vault") ?? 0]
    let keyIDs = try Self.texts(
      vault, "SELECT DISTINCT kek_id FROM vault.data_keys ORDER BY kek_id")
    let keyIDsKnown = try Self.texts(
      vault, "SELECT id FROM vault.key_encryption_keys ORDER BY create_time, id")
    manifest = BackupManifest(
      time: try about.decode("time"), database: try about.decode("database"),
      serverRelease: try about.decode("release"), schemas: schemas, masterKeyIDs: keyIDs,
      masterKeyIDsKnown: keyIDsKnown)
    self.id = id
    self.sessions = sessions
  }

  private static func open(
    _ database: OwnedDatabase, _ schema: String
  ) throws(PostgresError) -> MigrationSession {
    guard let configuration = database.configurations[schema] else { throw .connectionClosed }
    let session = try MigrationSession(configuration)
    try session.run(
      text: "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", timeout: OwnedDatabase.timeout)
    return session
  }

  private static func texts(
    _ session: MigrationSession, _ query: PostgresQuery
  ) throws(PostgresError) -> [String] {
    var texts: [String] = []
    for row in try session.run(query, timeout: OwnedDatabase.timeout).rows {
      texts.append(try row.decode(0))
    }
    return texts
  }

  private static func version(
    _ session: MigrationSession, _ schema: String
  ) throws(PostgresError) -> BackupManifest.Schema {
    // The search path of the role is the schema.
    let row = try session.run(
      """
      SELECT count(*) AS version, coalesce(max(minimum_version), 0)::bigint AS minimum
        FROM schema_migrations
      """, timeout: OwnedDatabase.timeout)[0]
    return BackupManifest.Schema(
      version: try row.decode("version"), programVersionMin: try row.decode("minimum"))
  }
}
