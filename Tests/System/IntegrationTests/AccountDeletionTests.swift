import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// Accounts that are deleted while services die.
@Suite(.serialized, .timeLimit(.minutes(10))) struct AccountDeletionTests {
  private static let key = "sk-deleted-0123456789abcdef"

  /// Lines of a dump's table, without its columns.
  private static func rows(of table: String, in dump: String) -> [Substring] {
    guard let start = dump.range(of: "COPY \(table) ("),
      let end = dump[start.upperBound...].range(of: "\n\\.")
    else { return [] }
    return dump[start.upperBound..<end.lowerBound].split(separator: "\n").dropFirst().map { $0 }
  }

  @Test func whatDiesInTheMiddleIsDoneToItsEndAndNothingTwice() async throws {
    let stack = try await RunningStack.start(environment: [
      "ACCOUNT_DELETION_GRACE": "0s", "SIGN_UPS_PER_HOUR_PER_CLIENT": "1000",
      "LOG_INS_PER_MINUTE_PER_CLIENT": "1000",
    ])
    let stays = Portal(stack.address)
    let kept = try await stays.signUpAndLogIn("stays")
    #expect(try await stays.addKey("openai", Self.key).status == 201)
    var (emails, ids) = ([String](), [String]())
    for round in 0..<6 {
      let portal = Portal(stack.address)
      emails.append(try await portal.signUpAndLogIn("goes"))
      ids.append(try await portal.send(.GET, "/api/v1/me").string("id"))
      for label in ["one", "two"] {
        #expect(try await portal.addKey("openai", Self.key, label: label).status == 201)
      }
      let answer = try await portal.send(.POST, "/api/v1/me:delete", json: [:])
      #expect(answer.status == 200, "\(answer.text)")
      // One of the three dies while the deletion is on its way through all of them.
      let service = ["vault", "audit", "auth"][round % 3]
      let process = try #require(try children(of: stack.processID, named: service).first)
      kill(process, SIGKILL)
      try await eventually("\(service) answers again") {
        let isAnother = try children(of: stack.processID, named: service).first != process
        let answer = try await stays.send(.GET, "/api/v1/provider-configs")
        return isAnother && answer.status == 200
      }
    }
    let cluster = try StateDirectory(stack.stateDirectory).cluster()
    var dump = ""
    try await eventually("everybody is told", within: .seconds(150)) {
      dump = try await cluster.dump(database: "chatelaine")
      let erasures = Self.rows(of: "auth.erasures", in: dump)
      let isTold = erasures.count == ids.count && !erasures.contains { $0.contains("\\N") }
      return isTold && Self.rows(of: "auth.outbox", in: dump).isEmpty
        && Self.rows(of: "vault.outbox", in: dump).isEmpty
    }
    // Nothing half: neither name nor key is anywhere, mails that are owed apart.
    for email in emails {
      let lines = dump.split(separator: "\n").filter { $0.contains(email) }
      #expect(lines.allSatisfy { $0.contains("account-deleted") }, "\(lines)")
    }
    for id in ids {
      for table in ["vault.data_keys", "vault.provider_configs", "auth.sessions", "auth.accounts"] {
        #expect(!Self.rows(of: table, in: dump).contains { $0.contains(id) }, "\(table)")
      }
      // Nothing twice: auth, vault and audit have each recorded it once.
      let entries = Self.rows(of: "audit.events", in: dump).filter {
        $0.contains(id) && $0.contains("account.erase")
      }
      #expect(entries.count == 3, "\(entries)")
    }
    // Nobody else lost anything.
    let listed = try await stays.send(.GET, "/api/v1/provider-configs").list("providerConfigs")
    #expect(listed.count == 1)
    #expect(try await stays.logIn(kept).status == 201)
    await stack.stopAndRemove()
  }

  @Test func aBackupFromBeforeLosesDeletedAccountsAgain() async throws {
    let place = try BackupPlace()
    defer { place.remove() }
    let settings = ["ACCOUNT_DELETION_GRACE": "30s", "SIGN_UPS_PER_HOUR_PER_CLIENT": "1000"]
    let stack = try await RunningStack.start(environment: settings)
    func users(_ arguments: [String], in directory: String) async throws -> String {
      let run = try await RunningStack.runCommand(
        ["users"] + arguments + ["--state-dir", directory])
      #expect(run.exit == .code(0), "\(arguments): \(run.output)")
      return run.output
    }
    let (stays, goes, leaves) = (
      Portal(stack.address), Portal(stack.address), Portal(stack.address)
    )
    let kept = try await stays.signUpAndLogIn("stays")
    // One is deleted after the backup, one has asked for it before.
    let gone = try await goes.signUpAndLogIn("goes")
    #expect(try await goes.addKey("openai", Self.key).status == 201)
    let asked = try await leaves.signUpAndLogIn("leaves")
    let answer = try await leaves.send(.POST, "/api/v1/me:delete", json: [:])
    #expect(answer.status == 200, "\(answer.text)")
    #expect(try await place.backUp(stack.stateDirectory).exit == .code(0))
    let id = try await goes.send(.GET, "/api/v1/me").string("id")
    #expect(
      try await users(["delete", gone, "--now"], in: stack.stateDirectory).contains(
        "to be deleted"))
    var list = ""
    try await eventually("it is deleted") {
      list = try await users(["deleted"], in: stack.stateDirectory)
      return list.contains(id) && !list.contains("under way")
    }
    try list.write(toFile: place / "deleted.txt", atomically: true, encoding: .utf8)
    await stack.stop()

    let directory = place / "restored"
    #expect(try await place.restore(to: directory).exit == .code(0))
    try place.handOverMasterKey(from: stack.stateDirectory, to: directory)
    let second = try await RunningStack.start(stateDirectory: directory, environment: settings)
    #expect(try await users(["list"], in: directory).contains(gone))
    let output = try await users(["delete-again", place / "deleted.txt"], in: directory)
    #expect(output.contains("1 accounts that were there again are deleted"), "\(output)")
    try await eventually("both are deleted", within: .seconds(120)) {
      let list = try await users(["list"], in: directory)
      return !list.contains(gone) && !list.contains(asked) && list.contains(kept)
    }
    let cluster = try StateDirectory(directory).cluster()
    try await eventually("nothing is left of it") {
      let dump = try await cluster.dump(database: "chatelaine")
      return !dump.contains(gone)
        && !Self.rows(of: "vault.data_keys", in: dump).contains { $0.contains(id) }
    }
    await second.stop()
    try? FileManager.default.removeItem(atPath: stack.stateDirectory)
  }
}
