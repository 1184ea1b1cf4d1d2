import Foundation
import LocalDeployment
import NIOCore
import NIOPosix
import TestSupport

/// A server of its own on 127.0.0.1 that takes connections with TLS only, with a certificate of
/// openssl's making.
struct EncryptedServer {
  private static let portAttemptsMax = 5

  let port: Int
  let certificate: String
  let passFile: String
  private let server: ChildProcess

  static func start() async throws -> EncryptedServer {
    let cluster = try await TestPostgres().cluster()
    try await cluster.runScript("ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.3';")
    try await cluster.stop()

    // The files must belong to the server's account, whose directory this is.
    let (certificate, key) = (
      cluster.dataDirectory + "/server.crt", cluster.dataDirectory + "/server.key"
    )
    _ = try await Command(
      path: "/usr/bin/openssl",
      arguments: [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
        "1",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout", key, "-out", certificate,
      ], environment: ["PATH": "/usr/bin:/bin"]
    ).run()
    let hba = cluster.dataDirectory + "/pg_hba.conf"
    try "hostssl all all 127.0.0.1/32 scram-sha-256\n".write(
      toFile: hba, atomically: false, encoding: .utf8)
    let owner = try FileManager.default.attributesOfItem(atPath: cluster.dataDirectory)
    let account = owner.filter { [.ownerAccountID, .groupOwnerAccountID].contains($0.key) }
    for file in [certificate, key] {
      try FileManager.default.setAttributes(account, ofItemAtPath: file)
    }

    // PostgreSQL cannot be given a listening socket: another process may take the port before it.
    for _ in 1...portAttemptsMax {
      let port = try await freePort()
      let server = try await spawn(
        in: cluster.dataDirectory,
        settings: [
          "listen_addresses=127.0.0.1", "port=\(port)", "unix_socket_directories=", "ssl=on",
          "ssl_cert_file=\(certificate)", "ssl_key_file=\(key)",
        ])
      if try await isReady(server, in: cluster.dataDirectory) {
        return EncryptedServer(
          port: port, certificate: certificate, passFile: cluster.superuserPassFile, server: server)
      }
    }
    throw StackError.didNotStart(output: "no port could be had")
  }

  private static func spawn(in directory: String, settings: [String]) async throws -> ChildProcess {
    let postgres = try newestPostgres()
    var command = [postgres, "-D", directory] + settings.flatMap { ["-c", $0] }
    if geteuid() == 0 {
      command =
        ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        + command
    }
    return try await ChildProcess.spawn(
      Command(
        path: command[0], arguments: Array(command.dropFirst()),
        environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"], workingDirectory: "/"))
  }

  /// Waits until the server says in its pid file that it takes connections; false when it ended.
  private static func isReady(_ server: ChildProcess, in directory: String) async throws -> Bool {
    while server.exitIfEnded == nil {
      let status = try? String(contentsOfFile: directory + "/postmaster.pid", encoding: .utf8)
      if let status, status.contains("\nready") { return true }
      try await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  func url(sslmode: String, options: String = "") -> String {
    "postgres://\(PostgresCluster.superuserName)@127.0.0.1:\(port)/postgres"
      + "?passfile=\(passFile)&sslmode=\(sslmode)\(options)"
  }

  func stop() async {
    server.signal(SIGQUIT)
    _ = await server.exit()
  }

  private static func newestPostgres() throws -> String {
    let versions = try FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")
    return "/usr/lib/postgresql/\(versions.compactMap { Int($0) }.max() ?? 15)/bin/postgres"
  }

  /// Free a moment ago: PostgreSQL cannot be given a listening socket.
  private static func freePort() async throws -> Int {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0).get()
    let port = channel.localAddress?.port ?? 0
    try await channel.close()
    return port
  }
}
