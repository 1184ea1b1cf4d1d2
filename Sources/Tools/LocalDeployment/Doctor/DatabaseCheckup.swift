import Cryptography
import Foundation
import Postgres
import Threads

/// The database: whether it answers, who may do what in it, what waits in it.
struct DatabaseCheckup: Sendable {
  /// PostgreSQL's releases before this one are not supported.
  static let releaseMin: Int64 = 14
  /// Receipts and mails leave within seconds; what waits longer than this is stuck.
  static let waitSecondsMax: Int64 = 300
  private static let timeout: Duration = .seconds(30)

  private let database: OwnedDatabase
  private let keyring: KeyringFile?
  private let binaries: String

  init(_ database: OwnedDatabase, keyring: KeyringFile?, binaries: String) {
    (self.database, self.keyring, self.binaries) = (database, keyring, binaries)
  }

  func findings() async -> [Finding] {
    let server = await finding("database", Self.server)
    guard server.verdict == .well else { return [server] }
    let migrations = await migrations()
    let first = [server, await finding("roles", Self.roles), migrations]
    // Tables that a later migration makes can't be asked.
    guard migrations.verdict == .well else { return first }
    return first + [
      await finding("sealed keys", sealedKeys), await finding("receipts", Self.receipts),
      await finding("mails", Self.mails),
    ]
  }

  /// Looks on a thread that may block; what goes wrong is what was found.
  private func finding(
    _ check: String, _ look: @escaping @Sendable (OwnedDatabase) throws -> Finding
  ) async -> Finding {
    do {
      return try await OwnThread.run { [database] in try look(database) }
    } catch {
      return .failed(
        check, "\(error)", do: "see that the server runs and takes connections of these roles")
    }
  }

  private static func open(_ database: OwnedDatabase, _ schema: String) throws -> MigrationSession {
    try MigrationSession(database.configuration(of: schema))
  }

  private static func server(_ database: OwnedDatabase) throws -> Finding {
    var release: Int64 = 0
    for schema in DatabaseRoles.schemas {
      release = try open(database, schema).run(
        "SELECT current_setting('server_version_num')::bigint / 10000", timeout: timeout)[0]
        .decode(0)
    }
    guard release >= releaseMin else {
      return .failed(
        "database", "PostgreSQL \(release) answers",
        do: "use PostgreSQL \(releaseMin) or newer")
    }
    return .well("database", "PostgreSQL \(release) answers")
  }

  private static func roles(_ database: OwnedDatabase) throws -> Finding {
    let rows = try open(database, "auth").run(
      """
      SELECT rolname::text AS role,
             rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS strong
        FROM pg_roles
       WHERE rolname = ANY(\(DatabaseRoles.all))
      """, timeout: timeout
    ).rows
    var found: Set<String> = []
    for row in rows {
      let role: String = try row.decode("role")
      guard try !row.decode("strong") else {
        return .failed(
          "roles", "\(role) may do more than its service needs",
          do: "ALTER ROLE \(role) NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS")
      }
      found.insert(role)
    }
    let missing = DatabaseRoles.all.filter { !found.contains($0) }
    guard missing.isEmpty else {
      return .failed(
        "roles", "\(missing.joined(separator: ", ")) missing", do: "run chatelaine init")
    }
    for schema in DatabaseRoles.schemas {
      for other in DatabaseRoles.schemas where other != schema {
        let mayUse: Bool = try open(database, schema).run(
          "SELECT has_schema_privilege(\(other), \(schema), 'USAGE')", timeout: timeout)[0]
          .decode(0)
        if mayUse {
          return .failed(
            "roles", "\(other) reaches into the schema \(schema)",
            do: "REVOKE ALL ON SCHEMA \(schema) FROM \(other)")
        }
      }
    }
    return .well("roles", "each service reaches its own schema only")
  }

  private func migrations() async -> Finding {
    let job = MigrationJob(binaries: binaries)
    var pending: [String] = []
    do {
      for schema in DatabaseRoles.schemas {
        let url = try database.configuration(of: schema).url.withUTF8String { $0 }
        let plan = try await job.run(schema, url: .value(url), plan: true)
        if !plan.hasSuffix("up to date") { pending.append(plan) }
      }
    } catch {
      return .failed(
        "migrations", "\(error)", do: "use programs that are as new as the database")
    }
    guard pending.isEmpty else {
      return .failed(
        "migrations", pending.joined(separator: "; "),
        do: "chatelaine migrate; chatelaine up does it at its start")
    }
    return .well("migrations", "all are applied")
  }

  /// Whether the master keys at hand open what is stored.
  private func sealedKeys(_ database: OwnedDatabase) throws -> Finding {
    let rows = try Self.open(database, "vault").run(
      "SELECT kek_id, count(*) AS count FROM data_keys GROUP BY kek_id ORDER BY kek_id",
      timeout: Self.timeout
    ).rows
    var needed: [(id: String, count: Int64)] = []
    for row in rows { needed.append((try row.decode("kek_id"), try row.decode("count"))) }
    let names = needed.map { "\($0.count) data keys under \($0.id)" }.joined(separator: ", ")
    guard !needed.isEmpty else { return .well("sealed keys", "none is stored yet") }
    guard let keyring else {
      return .warning(
        "sealed keys", names, do: "keep those master keys: nothing here says where they are")
    }
    guard let ring = try? keyring.read() else {
      return .failed(
        "sealed keys", "\(names); the keys at hand can't be read", do: "see 'master key' above")
    }
    let held = Set(ring.map(\.identifier))
    let lost = needed.filter { !held.contains($0.id) }
    guard lost.isEmpty else {
      let count = lost.reduce(0) { $0 + $1.count }
      return .failed(
        "sealed keys",
        "\(count) data keys need \(lost.map(\.id).joined(separator: ", ")), which \(keyring.path) "
          + "does not hold",
        do: "add that master key as a further line, from where you keep it")
    }
    return .well("sealed keys", names)
  }

  /// What waits to be logged, and what the log has refused.
  private static func receipts(_ database: OwnedDatabase) throws -> Finding {
    var (waiting, oldest, refused): (Int64, Int64, Int64) = (0, 0, 0)
    for schema in ["auth", "vault"] {
      let row = try open(database, schema).run(
        """
        SELECT (SELECT count(*) FROM outbox) AS waiting,
               (SELECT coalesce(extract(epoch FROM now() - min(create_time)), 0)::bigint
                  FROM outbox) AS oldest,
               (SELECT count(*) FROM outbox_set_aside) AS refused
        """, timeout: timeout)[0]
      waiting += try row.decode("waiting")
      oldest = max(oldest, try row.decode("oldest"))
      refused += try row.decode("refused")
    }
    if oldest > waitSecondsMax {
      return .failed(
        "receipts", "\(waiting) wait to be logged, the first for \(oldest) s",
        do: "see whether audit runs, and what the logs of auth and vault say of it")
    }
    if refused > 0 {
      return .warning(
        "receipts", "\(refused) were refused by the log",
        do: "read the column problem of outbox_set_aside in the schemas auth and vault")
    }
    return .well("receipts", "\(waiting) wait to be logged")
  }

  private static func mails(_ database: OwnedDatabase) throws -> Finding {
    let row = try open(database, "auth").run(
      """
      SELECT count(*) AS waiting, coalesce(max(attempts), 0)::bigint AS attempts,
             coalesce(extract(epoch FROM now() - min(create_time)), 0)::bigint AS oldest
        FROM mails
      """, timeout: timeout)[0]
    let (waiting, attempts): (Int64, Int64) = (
      try row.decode("waiting"), try row.decode("attempts")
    )
    let oldest: Int64 = try row.decode("oldest")
    guard oldest <= waitSecondsMax else {
      return .failed(
        "mails", "\(waiting) wait, the first for \(oldest) s and \(attempts) attempts",
        do: "see in auth's log what the mail server says, and SMTP_URL")
    }
    return .well("mails", "\(waiting) wait to be sent")
  }
}
