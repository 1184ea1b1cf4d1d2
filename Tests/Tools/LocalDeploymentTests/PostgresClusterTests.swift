import Foundation
import Testing

@testable import LocalDeployment

@Suite struct PostgresClusterTests {
  @Test func aNewClusterAnswersUnderADirectoryThatOthersCannotEnter() async throws {
    let scratch = try ScratchDirectory()
    #expect(try ScratchDirectory.mode(scratch.path) == 0o700)
    let cluster = try PostgresCluster(directory: scratch / "pg", durability: .relaxedForTests)
    try await cluster.start()
    #expect(cluster.isRunning)
    #expect(try await cluster.runScript("SELECT 6 * 7;") == "42\n")
    try await cluster.stop()
    #expect(!cluster.isRunning)
  }

  @Test func dataSurvivesARestart() async throws {
    let scratch = try ScratchDirectory()
    let first = try PostgresCluster(directory: scratch / "pg", durability: .relaxedForTests)
    try await first.start()
    try await first.runScript("CREATE TABLE kept (value int); INSERT INTO kept VALUES (7);")
    try await first.stop()

    let second = try PostgresCluster(directory: scratch / "pg", durability: .relaxedForTests)
    try await second.start()
    #expect(try await second.runScript("SELECT value FROM kept;") == "7\n")
    try await second.stop()
  }

  @Test func passwordsAreReadableByTheOwnerOnly() async throws {
    let scratch = try ScratchDirectory()
    let cluster = try PostgresCluster(directory: scratch / "pg", durability: .relaxedForTests)
    try await cluster.start()
    try await cluster.stop()
    #expect(try ScratchDirectory.mode(cluster.superuserPasswordFile) == 0o600)
    #expect(try ScratchDirectory.mode(cluster.superuserPassFile) == 0o600)
    #expect(try ScratchDirectory.mode(cluster.dataDirectory) == 0o700)
    #expect(try ScratchDirectory.mode(cluster.socketDirectory) == 0o700)
    #expect(!FileManager.default.fileExists(atPath: scratch / "pg/initdb.password"))
  }

  @Test func aServerLeftByACrashIsStoppedAndReplaced() async throws {
    let scratch = try ScratchDirectory()
    let crashed = try PostgresCluster(directory: scratch / "pg", durability: .relaxedForTests)
    try await crashed.start()
    try await crashed.runScript("CREATE TABLE kept (value int);")
    let leftover = try #require(Postmaster(dataDirectory: crashed.dataDirectory).recordedID)
    crashed.forgetServer()

    let next = try PostgresCluster(directory: scratch / "pg", durability: .relaxedForTests)
    try await next.start()
    #expect(try await next.runScript("SELECT count(*) FROM kept;") == "0\n")
    #expect(Postmaster(dataDirectory: next.dataDirectory).recordedID != leftover)
    try await next.stop()
  }

  @Test func aProcessIdRecycledByAnotherProgramDoesNotBlockTheStart() async throws {
    let scratch = try ScratchDirectory()
    let cluster = try PostgresCluster(directory: scratch / "pg", durability: .relaxedForTests)
    try await cluster.start()
    let pidFile = cluster.dataDirectory + "/postmaster.pid"
    let record = try String(contentsOfFile: pidFile, encoding: .utf8)
    try await cluster.stop()

    var lines = record.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    lines[0] = "\(getpid())"
    try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: pidFile))
    try await cluster.start()
    #expect(try await cluster.runScript("SELECT 1;") == "1\n")
    try await cluster.stop()
  }

  @Test func aSecondSupervisorIsRefused() async throws {
    let scratch = try ScratchDirectory()
    let first = try PostgresCluster(directory: scratch / "pg", durability: .relaxedForTests)
    try await first.start()
    let second = try PostgresCluster(directory: scratch / "pg", durability: .relaxedForTests)
    await #expect(throws: DeploymentError.inUse(path: first.directory)) {
      try await second.start()
    }
    #expect(try await first.runScript("SELECT 1;") == "1\n")
    try await first.stop()
  }

  @Test(arguments: ["deep", "with, comma"]) func awkwardPathsPutTheSocketUnderTmp(
    _ name: String
  ) async throws {
    let scratch = try ScratchDirectory()
    let parent = scratch / (name == "deep" ? String(repeating: "d", count: 120) : name)
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    let cluster = try PostgresCluster(directory: parent + "/pg", durability: .relaxedForTests)
    #expect(cluster.socketDirectory.hasPrefix("/tmp/chatelaine-"))
    defer { try? FileManager.default.removeItem(atPath: cluster.socketDirectory) }
    try await cluster.start()
    #expect(try await cluster.runScript("SELECT 1;") == "1\n")
    try await cluster.stop()
  }

  @Test func aFailingStatementIsReportedAndKeepsItsSecretsOutOfTheLog() async throws {
    let scratch = try ScratchDirectory()
    let cluster = try PostgresCluster(directory: scratch / "pg", durability: .relaxedForTests)
    try await cluster.start()
    await #expect(throws: DeploymentError.self) {
      try await cluster.runScript("ALTER ROLE nobody_here PASSWORD 'canary-in-a-statement';")
    }
    try await cluster.stop()
    let log = try String(contentsOfFile: scratch / "pg/postgres.log", encoding: .utf8)
    #expect(log.contains("nobody_here"))
    #expect(!log.contains("canary-in-a-statement"))
  }

  @Test func aRelativeDirectoryIsRefused() {
    #expect(throws: DeploymentError.self) { try PostgresCluster(directory: "state/pg") }
  }
}
