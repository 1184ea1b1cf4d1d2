import Foundation
import Threads

/// The schemas on their way into a database, each in a transaction that is still open.
actor SchemaLoads {
  private let database: OwnedDatabase
  private let tools: PostgresTools
  private let replaces: Bool
  private var loads: [String: SchemaLoad] = [:]
  private var current: String?

  init(database: OwnedDatabase, tools: PostgresTools, replaces: Bool) {
    self.database = database
    self.tools = tools
    self.replaces = replaces
  }

  /// Takes the next part of a schema's dump; the schemas come one after the other.
  func take(_ bytes: [UInt8], of schema: String) async throws {
    if current != schema {
      try await finishDump()
      guard loads[schema] == nil else { throw DeploymentError.backup(.foreign) }
      let restore = try database.restoreCommand(tools, schema)
      let psql = try database.command(
        tools.path("psql"),
        [
          "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1",
          // Without the details, which quote values.
          "--set=VERBOSITY=terse", "--file=-",
        ], as: schema)
      loads[schema] = try await SchemaLoad(
        of: schema, restore: restore, psql: psql, replaces: replaces)
      current = schema
    }
    try await loads[schema]?.take(bytes)
  }

  private func finishDump() async throws {
    if let current { try await loads[current]?.finishDump() }
    current = nil
  }

  /// Makes everything true, or nothing when a schema refuses its last statements.
  ///
  /// - Throws: `DeploymentError`. Between the commits only the end of the server or of this process
  ///   can come; the error says then which schemas have their data.
  func commit(_ manifest: BackupManifest) async throws {
    try await finishDump()
    for schema in DatabaseRoles.schemas {
      guard let load = loads[schema], let version = manifest.schemas[schema]?.version else {
        throw DeploymentError.backup(.foreign)
      }
      try await load.prepareToCommit(version: version)
    }
    var committed: [String] = []
    for schema in DatabaseRoles.schemas {
      do {
        try await loads[schema]?.commit()
      } catch let error as DeploymentError where !committed.isEmpty {
        throw DeploymentError.database(
          "restored \(committed.joined(separator: " and ")), but not \(schema) (\(error)); repeat "
            + "the restore with --replace")
      }
      committed.append(schema)
    }
  }

  /// Ends the transactions without a trace.
  func abandon() async {
    for load in loads.values { await load.abandon() }
  }
}

extension OwnedDatabase {
  /// Turns an archive into SQL. Without a connection of its own: psql has the transaction.
  ///
  /// Programs since August 2025 put `\restrict` around it, so that psql takes no commands of its
  /// own (`\!`) from a backup that somebody else has made (CVE-2025-8714).
  fileprivate func restoreCommand(_ tools: PostgresTools, _ schema: String) throws -> Command {
    Command(
      path: tools.path("pg_restore"),
      // With a schema named, the schema itself is left out, which owners can't create.
      arguments: ["--schema=\(schema)", "--no-owner", "--exit-on-error", "--file=-"],
      environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"], workingDirectory: "/")
  }
}

/// One schema: `pg_restore` writes SQL, `psql` runs it in a transaction that only we end.
private struct SchemaLoad: Sendable {
  private static let waitForLocks = "10s"

  private let schema: String
  private let restore: PipelineProgram
  private let psql: PipelineProgram
  /// What `pg_restore` reads.
  private let dump: Descriptor
  /// What `psql` reads, from `pg_restore` and then from us.
  private let script: Descriptor
  private let marker = "loaded-\(UUID().uuidString)"

  init(
    of schema: String, restore: Command, psql: Command, replaces: Bool
  ) async throws {
    self.schema = schema
    let script = try Pipe.make()
    self.psql = try await PipelineProgram(psql, input: script.read, output: nil)
    script.read.close()
    self.script = script.write
    let prologue = Self.prologue(schema, replaces: replaces)
    try await OwnThread.run { try script.write.write([UInt8](prologue.utf8)) }
    let dump = try Pipe.make()
    self.restore = try await PipelineProgram(restore, input: dump.read, output: script.write)
    dump.read.close()
    self.dump = dump.write
  }

  func take(_ bytes: [UInt8]) async throws {
    do {
      try await OwnThread.run { try dump.write(bytes) }
    } catch {
      throw await refusal() ?? error
    }
  }

  func finishDump() async throws {
    dump.close()
    if await restore.failure() != nil {
      throw await refusal() ?? DeploymentError.backup(.foreign)
    }
  }

  /// Returns when everything has been loaded and looked at, and only the commit is left.
  func prepareToCommit(version: Int) async throws {
    do {
      let epilogue = Self.epilogue(schema, version: version) + "SELECT '\(marker)';\n"
      try await OwnThread.run { try script.write([UInt8](epilogue.utf8)) }
    } catch {
      throw await refusal() ?? error
    }
    guard await psql.hasPrinted(marker) else {
      throw await refusal() ?? DeploymentError.backup(.foreign)
    }
  }

  func commit() async throws {
    try await OwnThread.run { try script.write([UInt8]("COMMIT;\n".utf8)) }
    script.close()
    if let reason = await psql.failure() {
      throw DeploymentError.backup(.refused(schema: schema, reason: reason))
    }
  }

  func abandon() async {
    restore.kill()
    psql.kill()
    dump.close()
    script.close()
    _ = await (restore.failure(), psql.failure())
  }

  /// What psql or pg_restore complains about, once one of them has ended.
  private func refusal() async -> DeploymentError? {
    // A broken pipe of the one is the end of the other.
    script.close()
    let reasons = await [psql.failure(), restore.failure()]
    guard let reason = reasons.compactMap({ $0 }).first(where: { !$0.hasPrefix("signal") }) else {
      return nil
    }
    return .backup(.refused(schema: schema, reason: reason))
  }

  // MARK: SQL

  private static func prologue(_ schema: String, replaces: Bool) -> String {
    """
    BEGIN;
    SET LOCAL lock_timeout = '\(waitForLocks)';
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SELECT pg_advisory_xact_lock(hashtextextended('schema_migrations:\(schema)', 0));
    \(replaces ? dropEverything(in: schema) : "")

    """
  }

  /// The schema itself stays: its owner could not create it again.
  private static func dropEverything(in schema: String) -> String {
    """
    DO $$
    DECLARE
      thing record;
    BEGIN
      FOR thing IN
        SELECT format('%I.%I', n.nspname, c.relname) AS name,
               CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                    WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = '\(schema)' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
         ORDER BY c.relkind = 'S'
      LOOP
        EXECUTE format('DROP %s IF EXISTS %s CASCADE', thing.kind, thing.name);
      END LOOP;
      FOR thing IN
        SELECT p.oid::regprocedure::text AS name
          FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
         WHERE n.nspname = '\(schema)'
      LOOP
        EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', thing.name);
      END LOOP;
      FOR thing IN
        SELECT format('%I.%I', n.nspname, t.typname) AS name
          FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
         WHERE n.nspname = '\(schema)' AND t.typtype IN ('d', 'e')
      LOOP
        EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', thing.name);
      END LOOP;
    END $$;
    """
  }

  /// What must hold, and what a database that has gone back in time needs.
  private static func epilogue(_ schema: String, version: Int) -> String {
    """
    DO $$
    DECLARE
      thing record;
    BEGIN
      IF (SELECT count(*) FROM \(schema).schema_migrations) <> \(version) THEN
        RAISE EXCEPTION 'the backup has another version than it says';
      END IF;
      FOR thing IN
        SELECT c.oid::regclass AS name FROM pg_class AS c
          JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = '\(schema)' AND c.relkind IN ('r', 'p')
      LOOP
        EXECUTE format('ANALYZE %s', thing.name);
      END LOOP;
    END $$;
    \(schema == "auth" ? endSessions : "")

    """
  }

  /// Sessions that were ended after the backup would be valid again, so all end. Revocations are
  /// told by transaction ids, which count anew on another server: readers have to forget everything
  /// once.
  private static let endSessions = """
    DO $$
    BEGIN
      IF to_regclass('auth.sessions') IS NOT NULL THEN
        DELETE FROM auth.sessions;
      END IF;
      IF to_regclass('auth.revocations_forgotten') IS NOT NULL THEN
        DELETE FROM auth.revocations;
        UPDATE auth.revocations_forgotten
           SET transaction_id = pg_current_xact_id()::text::bigint;
      END IF;
    END $$;
    """
}
