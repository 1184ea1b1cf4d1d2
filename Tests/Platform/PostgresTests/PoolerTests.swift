import Foundation
import LocalDeployment
import Postgres
import TestSupport
import Testing

/// A real PgBouncer, which gives a session of the server to each transaction.
@Suite(.timeLimit(.minutes(2))) struct PoolerTests {
  /// A PgBouncer in front of the shared cluster, on a socket of its own.
  private struct PgBouncer {
    /// Of the server, per database: fewer than the client has, so that they are shared.
    static let serverConnections = 2

    let directory: String
    let process: ChildProcess

    static func start() async throws -> PgBouncer {
      let cluster = try await TestPostgres.shared.cluster()
      // Beside the cluster's socket: PgBouncer runs as another user than root.
      let directory = cluster.socketDirectory + "/\(UUID().uuidString.prefix(8))"
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
      let password = try String(contentsOfFile: cluster.superuserPasswordFile, encoding: .utf8)
      let user = PostgresCluster.superuserName
      try "\"\(user)\" \"\(password.dropLast())\"\n".write(
        toFile: directory + "/users", atomically: false, encoding: .utf8)
      try """
      [databases]
      * = host=\(cluster.socketDirectory) port=\(cluster.port)
      [pgbouncer]
      listen_addr =
      unix_socket_dir = \(directory)
      auth_type = scram-sha-256
      auth_file = \(directory)/users
      pool_mode = transaction
      default_pool_size = \(serverConnections)
      """.write(toFile: directory + "/pgbouncer.ini", atomically: false, encoding: .utf8)
      let account = try FileManager.default.attributesOfItem(atPath: cluster.dataDirectory)
        .filter { [.ownerAccountID, .groupOwnerAccountID].contains($0.key) }
      for path in ["", "/users", "/pgbouncer.ini"] {
        try FileManager.default.setAttributes(account, ofItemAtPath: directory + path)
      }
      var command = ["/usr/sbin/pgbouncer", directory + "/pgbouncer.ini"]
      if geteuid() == 0 {
        command =
          ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
          + command
      }
      let process = try await ChildProcess.spawn(
        Command(
          path: command[0], arguments: Array(command.dropFirst()),
          environment: ["PATH": "/usr/bin:/bin"], workingDirectory: "/",
          parentDeathSignal: SIGKILL))
      while process.exitIfEnded == nil,
        !FileManager.default.fileExists(atPath: directory + "/.s.PGSQL.6432")
      {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(process.exitIfEnded == nil)
      return PgBouncer(directory: directory, process: process)
    }

    /// The same database by way of the pooler.
    func configuration(for direct: PostgresConfiguration) throws -> PostgresConfiguration {
      let values = Dictionary(uniqueKeysWithValues: direct.parameters.map { ($0.name, $0.value) })
      var configuration = try PostgresConfiguration(
        url: "postgres://\(values["user"] ?? "")@/\(values["dbname"] ?? "")"
          + "?host=\(directory)&port=6432&passfile=\(values["passfile"] ?? "")")
      configuration.pooler = .transaction
      configuration.acquireTimeout = .seconds(60)
      configuration.queryTimeout = .seconds(60)
      configuration.transactionTimeout = .seconds(60)
      return configuration
    }

    func stop() async {
      process.signal(SIGKILL)
      _ = await process.exit()
    }
  }

  @Test func everythingWorksBehindATransactionPooler() async throws {
    let pooler = try await PgBouncer.start()
    let direct = try await TestPostgres.shared.database()
    try await withClient(of: try pooler.configuration(for: direct)) { client in
      try await client.execute("CREATE TABLE things (id int PRIMARY KEY, text text)")
      // Queries in one pipeline, from many at once, in more connections than the server gets.
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for task in 0..<8 {
          tasks.addTask {
            for index in 0..<25 {
              let id = task * 100 + index
              try await client.execute(
                "INSERT INTO things (id, text) VALUES (\(id), \("thing \(id)"))")
              let text = try await client.first("SELECT text FROM things WHERE id = \(id)") {
                row throws(PostgresError) in try row.decode("text", as: String.self)
              }
              #expect(text == "thing \(id)")
            }
          }
          tasks.addTask {
            for index in 0..<10 {
              try await client.transaction { transaction in
                let id = 10_000 + task * 100 + index
                try await transaction.execute("INSERT INTO things (id) VALUES (\(id))")
                let count = try await transaction.execute(
                  "UPDATE things SET text = 'b' WHERE id = \(id)")
                #expect(count == 1)
              }
            }
          }
        }
        try await tasks.waitForAll()
      }
      await #expect(throws: PostgresError.self) {
        try await client.execute("INSERT INTO things (id) VALUES (0)")
      }
      let count = try await client.first("SELECT count(*) AS n FROM things") {
        row throws(PostgresError) in try row.decode("n", as: Int64.self)
      }
      #expect(count == 280)
    }
    await pooler.stop()
  }

  @Test func aLateStatementIsCancelledBehindAPooler() async throws {
    let pooler = try await PgBouncer.start()
    let direct = try await TestPostgres.shared.database()
    try await withClient(of: try pooler.configuration(for: direct)) { client in
      await #expect(throws: PostgresError.self) {
        try await client.result(of: "SELECT pg_sleep(3600)", timeout: .milliseconds(200))
      }
      try await client.expectAnswer()
    }
    await pooler.stop()
  }
}
