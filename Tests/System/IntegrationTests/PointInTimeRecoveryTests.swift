import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// What docs/operations/point-in-time-recovery.md tells an operator to do, with a real pgBackRest.
@Suite(
  .timeLimit(.minutes(5)),
  .enabled(if: PgBackRest.isInstalled, "the Debian package pgbackrest is not installed"))
struct PointInTimeRecoveryTests {
  @Test func aMistakeIsUndoneUpToTheMomentBefore() async throws {
    let first = try await RunningStack.start()
    let cluster = try StateDirectory(first.stateDirectory).cluster()
    let pgBackRest = try PgBackRest(for: cluster)
    defer { pgBackRest.remove() }
    let portal = Portal(first.address)
    let email = try await portal.signUpAndLogIn()
    #expect(try await portal.addKey("openai", "sk-0123456789abcdef").status == 201)
    for (name, value) in pgBackRest.serverSettings {
      try await cluster.runScript(
        "ALTER SYSTEM SET \(name) = \(PostgresCluster.literal(value));")
    }
    await first.stop()

    let archived = try await RunningStack.start(stateDirectory: first.stateDirectory)
    try await pgBackRest.run("stanza-create")
    try await pgBackRest.run("check")
    try await pgBackRest.run("--type=full", "backup")
    let again = Portal(archived.address)
    #expect(try await again.logIn(email).status == 201)
    #expect(try await again.addKey("mistral", "mistral-key-0123456789abc").status == 201)
    // pgBackRest counts in seconds: the backup must have ended in an earlier one.
    try await cluster.runScript("SELECT pg_sleep(1.1);")
    let before = try await cluster.runScript("SELECT clock_timestamp();")
      .trimmingCharacters(in: .newlines)
    // The mistake, and something that is written after it.
    try await cluster.runScript("DELETE FROM vault.provider_configs;", database: "chatelaine")
    #expect(try await again.addKey("openai", "sk-after-0123456789abcdef").status == 201)
    // The next segment would be archived after a minute.
    try await cluster.runScript("SELECT pg_switch_wal();")
    await archived.stop()

    try FileManager.default.moveItem(
      atPath: cluster.dataDirectory, toPath: cluster.directory + "/damaged")
    try pgBackRest.makeEmptyDirectory(cluster.dataDirectory)
    try await pgBackRest.run(
      "--type=time", "--target=\(before)", "--target-action=promote", "restore")
    let recovered = try await RunningStack.start(stateDirectory: first.stateDirectory)
    let finally = Portal(recovered.address)
    #expect(try await finally.logIn(email).status == 201)
    let keys = try await finally.send(.GET, "/api/v1/provider-configs").list("providerConfigs")
    #expect(keys.map { $0["provider"] as? String } == ["openai", "mistral"])
    #expect(try await finally.addKey("google", "google-key-0123456789abc").status == 201)
    try await pgBackRest.run("check")
    try await pgBackRest.run("--type=full", "backup")
    await recovered.stopAndRemove()
  }
}

/// pgBackRest with a repository in a directory of its own, as the user who runs PostgreSQL.
private struct PgBackRest {
  static let program = "/usr/bin/pgbackrest"
  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  private let directory: String
  private let passFile: String

  init(for cluster: PostgresCluster) throws {
    directory =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("chatelaine-pgbackrest-\(UUID().uuidString.prefix(8))").path
    passFile = directory + "/pgpass"
    for name in ["", "/repository", "/lock", "/log", "/spool"] {
      try makeEmptyDirectory(directory + name)
    }
    let configuration = """
      [global]
      repo1-path=\(directory)/repository
      repo1-cipher-type=aes-256-cbc
      repo1-cipher-pass=\(UUID().uuidString)\(UUID().uuidString)
      repo1-retention-full=2
      lock-path=\(directory)/lock
      log-path=\(directory)/log
      spool-path=\(directory)/spool
      start-fast=y

      [chatelaine]
      pg1-path=\(cluster.dataDirectory)
      pg1-socket-path=\(cluster.socketDirectory)
      pg1-port=\(cluster.port)
      pg1-user=\(PostgresCluster.superuserName)
      pg1-database=postgres

      """
    try give(Data(configuration.utf8), to: directory + "/pgbackrest.conf")
    try give(
      try Data(contentsOf: URL(fileURLWithPath: cluster.superuserPassFile)), to: passFile)
  }

  /// What goes into postgresql.conf.
  var serverSettings: [(String, String)] {
    [
      ("archive_mode", "on"),
      (
        "archive_command",
        "\(Self.program) --config=\(directory)/pgbackrest.conf --stanza=chatelaine archive-push %p"
      ),
      ("archive_timeout", "60"),
    ]
  }

  func run(_ arguments: String...) async throws {
    var command =
      [Self.program, "--config=\(directory)/pgbackrest.conf", "--stanza=chatelaine"] + arguments
    if geteuid() == 0 {
      command =
        ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        + command
    }
    try await Command(
      path: command[0], arguments: Array(command.dropFirst()),
      environment: ["PATH": "/usr/bin:/bin", "PGPASSFILE": passFile], workingDirectory: "/"
    ).run(timeout: .seconds(120))
  }

  func makeEmptyDirectory(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try giveAway(path, mode: 0o700)
  }

  func remove() { try? FileManager.default.removeItem(atPath: directory) }

  private func give(_ bytes: Data, to path: String) throws {
    try bytes.write(to: URL(fileURLWithPath: path))
    try giveAway(path, mode: 0o600)
  }

  private func giveAway(_ path: String, mode: Int) throws {
    var attributes: [FileAttributeKey: Any] = [.posixPermissions: mode]
    if geteuid() == 0, let user = getpwnam("postgres") {
      attributes[.ownerAccountID] = NSNumber(value: user.pointee.pw_uid)
      attributes[.groupOwnerAccountID] = NSNumber(value: user.pointee.pw_gid)
    }
    try FileManager.default.setAttributes(attributes, ofItemAtPath: path)
  }
}
