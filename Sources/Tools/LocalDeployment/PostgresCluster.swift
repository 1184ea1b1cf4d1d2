import Encodings
import Foundation
import Synchronization

/// A private PostgreSQL cluster: one directory, one Unix socket, no TCP, passwords for everybody.
///
/// The server dies with this process, however this process dies (parent-death signal SIGINT, a fast
/// shutdown). One that still runs from an earlier crash is stopped by the next `start`.
package final class PostgresCluster: Sendable {
  package enum Durability: Sendable {
    case full
    /// No fsync: a crash of the machine may lose the cluster. Twice as quick to create.
    case relaxedForTests
  }

  /// The cluster's superuser; no service knows its password.
  package static let superuserName = "chatelaine"
  package static let startTimeout: Duration = .seconds(60)
  /// Of a cluster that is restored to a point in time: it replays its log first.
  package static let recoveryTimeout: Duration = .seconds(6 * 3_600)
  /// A fast shutdown waits for a checkpoint; past this the server is stopped the hard way.
  package static let stopTimeout: Duration = .seconds(30)
  private static let pollInterval: Duration = .milliseconds(20)

  package let directory: String
  package let dataDirectory: String
  /// Below `directory`, or under /tmp when that path exceeds what a socket address holds.
  package let socketDirectory: String
  /// Only a part of the socket's name here; derived from the path, in 49152...65151.
  package let port: Int
  /// Holds the superuser's password, mode 0600.
  package let superuserPasswordFile: String
  /// In libpq's password file format, mode 0600; for `passfile=` and `PGPASSFILE`.
  package let superuserPassFile: String

  private let durability: Durability
  private let account: ClusterAccount
  /// Whether users who are neither ours nor PostgreSQL's must reach the socket.
  private let isShared: Bool
  private let postmaster: Postmaster

  private struct State {
    var server: ChildProcess?
    var lock: FileLock?
  }
  private let state = Mutex(State())

  /// - Parameters:
  ///   - directory: absolute path; created by `start`, its parent must exist.
  ///   - isShared: services connect to it that may have users of their own.
  package init(
    directory: String, durability: Durability = .full, isShared: Bool = false
  ) throws {
    guard directory.hasPrefix("/") else {
      throw DeploymentError.file(path: directory, reason: "must be an absolute path")
    }
    let parent = URL(fileURLWithPath: directory).deletingLastPathComponent()
      .resolvingSymlinksInPath().path
    let name = URL(fileURLWithPath: directory).lastPathComponent
    let resolved = (parent == "/" ? "" : parent) + "/" + name
    self.directory = resolved
    self.durability = durability
    self.isShared = isShared && Separation.current == .users
    let location = SocketLocation(clusterDirectory: resolved, isShared: self.isShared)
    (socketDirectory, port) = (location.directory, location.port)
    dataDirectory = resolved + "/data"
    superuserPasswordFile = resolved + "/superuser.password"
    superuserPassFile = resolved + "/superuser.pgpass"
    account = try ClusterAccount()
    postmaster = Postmaster(dataDirectory: dataDirectory)
  }

  /// True while a server started by this object runs.
  package var isRunning: Bool {
    state.withLock { $0.server }.map { $0.exitIfEnded == nil } ?? false
  }

  /// Ends when the server does; nil when none was started or the task was cancelled.
  package func exit() async -> ProcessExit? {
    await state.withLock { $0.server }?.exit()
  }

  /// Creates the cluster if there is none and starts its server.
  ///
  /// - Throws: `DeploymentError`: `.inUse` when another process runs this cluster, `.notReady` with
  ///   the place of the log when the server does not come up.
  package func start() async throws {
    guard !isRunning else { return }
    try SecretFile.makeDirectory(directory)
    try account.allowTraversal(directory)
    // Kept over a crash of the server, which ends with another start by the same supervisor.
    let lock =
      try state.withLock { $0.lock } ?? FileLock(path: directory + "/lock", protecting: directory)
    try await stopLeftover()
    try account.prepareSocketDirectory(socketDirectory, isShared: isShared)
    if access(dataDirectory + "/PG_VERSION", F_OK) != 0 { try await initialise() }
    let isRecovering = access(dataDirectory + "/recovery.signal", F_OK) == 0
    let server = try await launch()
    do {
      try await waitUntilReady(server, isRecovering: isRecovering)
    } catch {
      server.signal(SIGQUIT)
      _ = await server.exit(within: Self.stopTimeout)
      throw error
    }
    state.withLock { $0 = State(server: server, lock: lock) }
  }

  /// Shuts the server down: open transactions are rolled back, everything committed is kept.
  ///
  /// - Parameter immediately: without a checkpoint; the next start recovers from the log.
  /// - Throws: `DeploymentError.notReady` when the server had to be killed.
  package func stop(immediately: Bool = false) async throws {
    guard let server = state.withLock({ $0.server }) else { return }
    // Of one that lies elsewhere nothing is to be left; it is empty when the server has ended.
    defer { if !socketDirectory.hasPrefix(directory) { rmdir(socketDirectory) } }
    defer { state.withLock { if $0.server === server { $0 = State() } } }
    let steps: [(Int32, Duration)] = [
      (SIGINT, Self.stopTimeout), (SIGQUIT, .seconds(10)), (SIGKILL, .seconds(5)),
    ]
    for (signal, timeout) in steps.dropFirst(immediately ? 1 : 0) {
      server.signal(signal)
      if await server.exit(within: timeout) != nil {
        guard signal == SIGKILL else { return }
        throw DeploymentError.notReady(
          name: "PostgreSQL", reason: "it had to be killed; the next start recovers it")
      }
    }
  }
}

// MARK: Connecting

extension PostgresCluster {
  /// A libpq connection URL on the cluster's socket; a password in it is percent-encoded.
  package func connectionURL(
    user: String, database: String, password: String? = nil, passFile: String? = nil
  ) -> String {
    var credentials = PercentCoding.encode(user)
    if let password { credentials += ":" + PercentCoding.encode(password) }
    var url = "postgresql://\(credentials)@/\(PercentCoding.encode(database))"
    url += "?host=\(PercentCoding.encode(socketDirectory))&port=\(port)"
    if let passFile { url += "&passfile=\(PercentCoding.encode(passFile))" }
    return url
  }

  /// For the superuser, by its password file: no secret in the URL.
  package func superuserConnectionURL(database: String = "postgres") -> String {
    connectionURL(user: Self.superuserName, database: database, passFile: superuserPassFile)
  }

  /// Runs SQL as the superuser through `psql`, each statement for itself, stopping at the first
  /// error; returns the rows, unaligned and without headers.
  ///
  /// - Parameter script: reaches psql on standard input, so that secrets in it show in no process
  ///   list; at most 64 KiB. Values are not interpolated: quote them with `literal` and
  ///   `identifier`.
  @discardableResult
  package func runScript(_ script: String, database: String = "postgres") async throws -> String {
    let psql = Command(
      path: try installation().path("psql"),
      arguments: [
        "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password",
        "--set=ON_ERROR_STOP=1", "--file=-", superuserConnectionURL(database: database),
      ],
      environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"])
    // A failing statement with a password in it must not reach the server's log.
    let guarded = "SET log_min_error_statement = panic;\n" + script
    return try await psql.run(input: [UInt8](guarded.utf8))
  }

  /// What `pg_dump` writes for one database, as the superuser.
  package func dump(database: String) async throws -> String {
    try await Command(
      path: try installation().path("pg_dump"),
      arguments: ["--no-password", superuserConnectionURL(database: database)],
      environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"],
      outputBytesMax: 64 << 20
    ).run()
  }

  /// An SQL string literal.
  package static func literal(_ value: String) -> String {
    "'" + value.replacingOccurrences(of: "'", with: "''") + "'"
  }

  /// A quoted SQL identifier.
  package static func identifier(_ name: String) -> String {
    "\"" + name.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }
}

// MARK: Starting

extension PostgresCluster {
  private func installation() throws -> PostgresInstallation {
    let version = try? SecretFile.readLine(dataDirectory + "/PG_VERSION")
    return try PostgresInstallation(major: version.flatMap { $0 }.flatMap { Int($0) })
  }

  private func initialise() async throws {
    if try SecretFile.read(superuserPasswordFile) == nil {
      try SecretFile.write(try RandomText.password() + "\n", to: superuserPasswordFile)
    }
    let password = try SecretFile.readLine(superuserPasswordFile) ?? ""
    try SecretFile.write("*:*:*:\(Self.superuserName):\(password)\n", to: superuserPassFile)

    // Made under another name, so that an interrupted initdb is never taken for a cluster.
    let unfinished = directory + "/data.new"
    try? FileManager.default.removeItem(atPath: unfinished)
    try SecretFile.makeDirectory(unfinished)
    try account.own(unfinished)
    // initdb opens the file as the cluster's account.
    let handover = directory + "/initdb.password"
    try SecretFile.write(password + "\n", to: handover)
    try account.own(handover)
    defer { unlink(handover) }
    var arguments = [
      "--pgdata=\(unfinished)", "--username=\(Self.superuserName)", "--pwfile=\(handover)",
      "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums",
      "--no-instructions",
    ]
    if durability == .relaxedForTests { arguments.append("--no-sync") }
    let initdb = Command(
      path: try installation().path("initdb"), arguments: arguments, environment: environment,
      workingDirectory: "/")
    try await account.command(initdb, reaching: unfinished).run(timeout: .seconds(180))
    guard rename(unfinished, dataDirectory) == 0 else { throw SecretFile.failure(dataDirectory) }
  }

  private func launch() async throws -> ChildProcess {
    var settings = [
      "listen_addresses=", "port=\(port)", "unix_socket_directories=\(socketDirectory)",
      "unix_socket_permissions=\(isShared ? "0777" : "0700")", "password_encryption=scram-sha-256",
      "max_connections=\(durability == .relaxedForTests ? 600 : 200)",
      "logging_collector=off", "log_destination=stderr", "log_line_prefix=%m [%p] %q%u@%d ",
      "timezone=UTC", "log_timezone=UTC", "log_statement=none",
      "log_parameter_max_length_on_error=0",
    ]
    if durability == .relaxedForTests {
      settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
    }
    let server = Command(
      path: try installation().path("postgres"),
      arguments: ["-D", dataDirectory] + settings.flatMap { ["-c", $0] },
      environment: environment, workingDirectory: "/",
      parentDeathSignal: SIGINT)
    let log = try LogFile(path: directory + "/postgres.log")
    return try await ChildProcess.spawn(
      account.command(server, reaching: dataDirectory), onOutput: { $0.map(log.append) })
  }

  private var environment: [String: String] {
    ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"]
  }

  /// PostgreSQL tells its readiness only in a file, which it rewrites; so the file is polled.
  /// One that recovers is ready for reading before it takes writes.
  private func waitUntilReady(_ server: ChildProcess, isRecovering: Bool) async throws {
    let clock = ContinuousClock()
    let timeout = isRecovering ? Self.recoveryTimeout : Self.startTimeout
    let deadline = clock.now + timeout
    while try await !isReady(server, isRecovering: isRecovering) {
      let log = "see \(directory)/postgres.log"
      if let exit = server.exitIfEnded {
        throw DeploymentError.notReady(name: "PostgreSQL", reason: "\(exit); \(log)")
      }
      guard clock.now < deadline else {
        throw DeploymentError.notReady(
          name: "PostgreSQL", reason: "not within \(timeout); \(log)")
      }
      try await Task.sleep(for: Self.pollInterval)
    }
  }

  private func isReady(_ server: ChildProcess, isRecovering: Bool) async throws -> Bool {
    guard postmaster.isReady(id: server.id) else { return false }
    guard isRecovering else { return true }
    return try await runScript("SELECT pg_is_in_recovery();") == "f\n"
  }

  /// Stops what an earlier, crashed run left. The lock is ours: nobody else supervises it.
  private func stopLeftover() async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + Self.stopTimeout
    var signalled = false
    while true {
      let processes = postmaster.processes()
      if processes.isEmpty { break }
      if let id = postmaster.recordedID, processes.contains(id), !signalled {
        kill(id, SIGINT)
        signalled = true
      }
      guard clock.now < deadline else {
        throw DeploymentError.environment(
          "processes of an earlier PostgreSQL still run in \(dataDirectory): \(processes)")
      }
      try await Task.sleep(for: Self.pollInterval)
    }
    postmaster.removeStaleRecord()
  }

  /// Drops the lock and the server as a crash of this process would; for tests.
  func forgetServer() {
    state.withLock { $0 = State() }
  }
}
