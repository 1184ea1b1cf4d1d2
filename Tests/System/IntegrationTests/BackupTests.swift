import Foundation
import LocalDeployment
import Logging
import NIOHTTP1
import Postgres
import TestSupport
import Testing

@testable import VaultServer

/// `chatelaine backup` and `chatelaine restore` as an operator runs them: the drill.
@Suite(.serialized, .timeLimit(.minutes(5))) struct BackupTests {
  @Test func everythingIsThereOnAnotherClusterAsOfOneMoment() async throws {
    let place = try BackupPlace()
    defer { place.remove() }
    let upstream = try await UpstreamServer.start()
    let settings = [
      "CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority, "SIGN_UPS_PER_HOUR_PER_CLIENT": "1000",
    ]
    let stack = try await RunningStack.start(environment: settings)
    let person = try await Person(on: stack.address, upstream: upstream)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await person.addKeys(until: { Task.isCancelled }) }
      try await person.waitForKeys(10)
      let backup = try await place.backUp(stack.stateDirectory)
      #expect(backup.exit == .code(0), "\(backup.output)")
      #expect(backup.output.contains("master.key"))
      tasks.cancelAll()
    }
    await stack.stop()

    let restored = try await place.restore(to: place / "restored")
    #expect(restored.exit == .code(0), "\(restored.output)")
    #expect(restored.output.contains("restored/secrets/master.key"))
    // Without the master key the deployment doesn't start, and says what is missing.
    let early = try await RunningStack.runCommand(
      ["up", "--state-dir", place / "restored", "--port", "0"])
    #expect(early.exit == .code(1) && early.output.contains("master.key"), "\(early.output)")
    try place.handOverMasterKey(from: stack.stateDirectory, to: place / "restored")

    let second = try await RunningStack.start(
      stateDirectory: place / "restored", environment: settings)
    try await person.findsEverything(on: second.address, upstream: upstream)
    let cluster = try StateDirectory(place / "restored").cluster()
    let inconsistent = try await cluster.runScript(Self.inconsistencies, database: "chatelaine")
    #expect(inconsistent == "0|0|0|0\n")
    await second.stop()
    try? FileManager.default.removeItem(atPath: stack.stateDirectory)
  }

  /// Configurations without a receipt, receipts without their configuration, sessions
  /// beside the one after the restore, gaps in the log.
  private static let inconsistencies = """
    WITH receipts AS (
      SELECT target_id FROM audit.events WHERE action = 'provider-config.create' AND outcome = 1
    )
    SELECT (SELECT count(*) FROM vault.provider_configs
             WHERE id::text NOT IN (SELECT target_id FROM receipts)),
           (SELECT count(*) FROM receipts
             WHERE target_id NOT IN (SELECT id::text FROM vault.provider_configs)),
           (SELECT count(*) - 1 FROM auth.sessions),
           (SELECT max(sequence) - count(*) FROM audit.events);
    """

  @Test func whatIsNotWholeIsRefusedAndLeavesNothing() async throws {
    let place = try BackupPlace()
    defer { place.remove() }
    let stack = try await RunningStack.start()
    _ = try await Portal(stack.address).signUpAndLogIn()
    #expect(try await place.backUp(stack.stateDirectory).exit == .code(0))

    let again = try await place.backUp(stack.stateDirectory)
    #expect(again.exit == .code(1) && again.output.contains("is there already"))
    let inUse = try await place.restore(to: stack.stateDirectory)
    #expect(inUse.exit == .code(1) && inUse.output.contains("is in use"), "\(inUse.output)")
    await stack.stop()
    let occupied = try await place.restore(to: stack.stateDirectory)
    #expect(occupied.exit == .code(1) && occupied.output.contains("--replace"))

    let whole = try Data(contentsOf: URL(fileURLWithPath: place.file))
    var broken: [(String, Data)] = [
      ("empty", Data()), ("no backup", Data("Dear diary\n".utf8)),
      ("without its last byte", whole.dropLast()),
    ]
    for part in [2, 10] { broken.append(("cut", whole.prefix(whole.count * (part - 1) / part))) }
    for offset in [300, whole.count / 2, whole.count - 1] {
      var changed = whole
      changed[offset] ^= 0x10
      broken.append(("byte \(offset) of \(whole.count) changed", changed))
    }
    let original = place.file
    for (name, bytes) in broken {
      place.file = place / "broken.age"
      try bytes.write(to: URL(fileURLWithPath: place.file))
      for arguments in [[], ["--check"]] {
        let refused = try await place.restore(to: place / "new", arguments)
        #expect(refused.exit == .code(1), "\(name): \(refused.output)")
        #expect(refused.output.contains("nothing was restored"), "\(name): \(refused.output)")
        #expect(!FileManager.default.fileExists(atPath: place / "new/postgres"), "\(name)")
      }
    }
    place.file = original
    try await place.makeIdentity("other")
    let stranger = try await place.restore(to: place / "new", identity: "other")
    #expect(stranger.exit == .code(1) && stranger.output.contains("no identity matched"))
    let checked = try await place.restore(to: place / "new", ["--check", "--json"])
    #expect(checked.exit == .code(0) && checked.output.contains("\"isRestored\" : false"))
    #expect(!FileManager.default.fileExists(atPath: place / "new/postgres"))

    let replaced = try await place.restore(to: stack.stateDirectory, ["--replace"])
    #expect(replaced.exit == .code(0), "\(replaced.output)")
    let back = try await RunningStack.start(stateDirectory: stack.stateDirectory)
    _ = try await Portal(back.address).signUpAndLogIn()
    await back.stopAndRemove()
  }

  @Test func servicesOneByOneAreRestoredOnAServerOfTheirOwn() async throws {
    let place = try BackupPlace()
    defer { place.remove() }
    let stack = try await RunningStack.start()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    #expect(try await portal.addKey("openai", "sk-0123456789abcdef").status == 201)
    await stack.stop()
    // One that doesn't run is started for it, without its services.
    #expect(try await place.backUp(stack.stateDirectory, ["--json"]).exit == .code(0))

    let (cluster, secrets) = try await server(in: place)
    let restore = ["restore", place.file, "--identity", place / "key", "--secrets-dir", secrets]
    let anotherKey = try await RunningStack.runCommand(restore)
    #expect(anotherKey.exit == .code(1) && anotherKey.output.contains("sealed under"))

    try FileManager.default.removeItem(atPath: secrets + "/vault/master.key")
    let restored = try await RunningStack.runCommand(restore)
    #expect(restored.exit == .code(0), "\(restored.output)")
    let migrated = try await RunningStack.runCommand(["migrate", "--secrets-dir", secrets])
    #expect(migrated.exit == .code(0), "\(migrated.output)")
    let found = try await cluster.runScript(
      "SELECT (SELECT count(*) FROM auth.accounts), (SELECT count(*) FROM vault.provider_configs);",
      database: "chatelaine")
    #expect(found == "1|1\n")
    let twice = try await RunningStack.runCommand(restore)
    #expect(twice.exit == .code(1) && twice.output.contains("holds tables already"))

    try await cluster.stop()
    try? FileManager.default.removeItem(atPath: stack.stateDirectory)
  }

  /// A server with the roles and schemas of `chatelaine init`, and the secrets' directory.
  private func server(in place: BackupPlace) async throws -> (PostgresCluster, String) {
    let cluster = try PostgresCluster(
      directory: place / "postgres", durability: .relaxedForTests)
    try await cluster.start()
    try await cluster.runScript("CREATE ROLE admin LOGIN CREATEDB CREATEROLE PASSWORD 'admin';")
    let initialised = try await RunningStack.runCommand(
      ["init", "--secrets-dir", place / "secrets"],
      environment: [
        "ADMIN_DATABASE_URL": cluster.connectionURL(
          user: "admin", database: "postgres", password: "admin")
      ])
    #expect(initialised.exit == .code(0), "\(initialised.output)")
    return (cluster, place / "secrets")
  }

  @Test func backupsOfOtherReleasesAreCaughtUpOrRefused() async throws {
    let place = try BackupPlace()
    defer { place.remove() }
    let (cluster, secrets) = try await server(in: place)
    // As an earlier release would have left the vault's schema.
    let last = try #require(VaultSchema.migrations.last)
    let owner = try String(contentsOfFile: secrets + "/migrate/vault.database-url", encoding: .utf8)
    try await PostgresMigrator.migrate(
      Schema(name: "vault", migrations: Array(VaultSchema.migrations.dropLast())),
      using: try PostgresConfiguration(url: owner.trimmingCharacters(in: .newlines)),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let migrate = ["migrate", "--secrets-dir", secrets]
    let others = ["--only", "auth", "--only", "audit"]
    #expect(try await RunningStack.runCommand(migrate + others).exit == .code(0))
    let recipient = try await place.makeIdentity("key")
    func backUp(to path: String, _ more: String...) async throws {
      let made = try await RunningStack.runCommand(
        ["backup", path, "--recipient", recipient, "--secrets-dir", secrets] + more)
      #expect(made.exit == .code(0), "\(made.output)")
    }
    // A run that was killed has left this.
    let remains = place / "chatelaine-20260101T000000Z.age.partial"
    try Data("half".utf8).write(to: URL(fileURLWithPath: remains))
    try await backUp(to: place.path, "--keep", "1")
    #expect(!FileManager.default.fileExists(atPath: remains))
    let dated = try FileManager.default.contentsOfDirectory(atPath: place.path)
      .filter { $0.hasPrefix("chatelaine-") }
    #expect(dated.count == 1)
    let older = [
      "restore", place / (dated.first ?? ""), "--identity", place / "key", "--secrets-dir", secrets,
    ]
    let occupied = try await RunningStack.runCommand(older)
    #expect(occupied.exit == .code(1) && occupied.output.contains("--replace"))
    try await whileConnected(as: "vault", to: cluster) {
      let refused = try await RunningStack.runCommand(older + ["--replace"])
      #expect(refused.exit == .code(1) && refused.output.contains("vault is connected"))
    }
    let replaced = try await RunningStack.runCommand(older + ["--replace"])
    #expect(replaced.exit == .code(0), "\(replaced.output)")
    let caughtUp = try await RunningStack.runCommand(migrate)
    #expect(caughtUp.output.contains("vault: applied \(last.number)"), "\(caughtUp.output)")

    // As a later release would, which these programs can't follow.
    try await cluster.runScript(
      "UPDATE vault.schema_migrations SET minimum_version = 99 WHERE number = \(last.number);",
      database: "chatelaine")
    place.file = place / "later.age"
    try await backUp(to: place.file)
    let tooOld = try await place.restore(to: place / "new")
    #expect(tooOld.exit == .code(1) && tooOld.output.contains("made by a later release"))
    try await cluster.stop()
  }

  /// Runs `body` while a role has a connection, as a service would that was not stopped.
  private func whileConnected(
    as role: String, to cluster: PostgresCluster, _ body: () async throws -> Void
  ) async throws {
    try await cluster.runScript("ALTER ROLE \(role) PASSWORD 'connected';")
    let url = cluster.connectionURL(user: role, database: "chatelaine", password: "connected")
    let session = try await ChildProcess.spawn(
      Command(
        path: "/usr/bin/psql", arguments: ["--command=SELECT pg_sleep(600)", url],
        environment: ["PATH": "/usr/bin:/bin"]))
    let isThere = "SELECT count(*) FROM pg_stat_activity WHERE usename = '\(role)';"
    while try await cluster.runScript(isThere) == "0\n" {
      try #require(session.exitIfEnded == nil)
      try await Task.sleep(for: .milliseconds(20))
    }
    try await body()
    session.signal(SIGINT)
    _ = await session.exit()
  }

  @Test func aPassphraseIsAskedForOnTheTerminal() async throws {
    let place = try BackupPlace()
    defer { place.remove() }
    let stack = try await RunningStack.start()
    await stack.stop()
    defer { try? FileManager.default.removeItem(atPath: stack.stateDirectory) }
    let chatelaine = try RunningStack.builtProduct("chatelaine")
    let made = try await place.onTerminal(
      "\(chatelaine) backup \(place.file) --passphrase --state-dir \(stack.stateDirectory)",
      typing: "open sesame 1", "open sesame 1")
    #expect(made.contains("backed up the database"), "\(made)")
    let wrong = try await place.onTerminal(
      "\(chatelaine) restore \(place.file) --check", typing: "open barley")
    #expect(wrong.contains("incorrect passphrase"), "\(wrong)")
    let right = try await place.onTerminal(
      "\(chatelaine) restore \(place.file) --check", typing: "open sesame 1")
    #expect(right.contains("It is whole"), "\(right)")
  }
}
