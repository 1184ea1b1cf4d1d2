import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// `chatelaine keys` on a deployment that is used meanwhile.
@Suite(.serialized) struct MasterKeyRotationTests {
  /// At one a second, more than a call's usual ten seconds.
  private static let userCount = 14

  @Test func theMasterKeyIsReplacedAlthoughTheVaultIsKilledAndTakenBack() async throws {
    let stack = try await RunningStack.start(environment: ["SIGN_UPS_PER_HOUR_PER_CLIENT": "1000"])
    let portals = try await Self.people(of: stack)
    let before = try keyFile(of: stack)

    let plan = try await keys(["rotate", "--plan"], stack)
    #expect(plan.output.contains("wrap \(Self.userCount) data keys"), "\(plan.output)")
    #expect(try keyFile(of: stack) == before)

    async let rotation = keys(["rotate", "--reseal", "--rate", "1"], stack)
    try await eventually("the rotation is under way") {
      try await keys(["status"], stack).output.contains("under way: ")
    }
    let vault = try #require(try children(of: stack.processID, named: "vault").first)
    kill(vault, SIGKILL)
    let result = try await rotation
    #expect(result.exit == .code(0), "\(result.output)")
    #expect(
      result.output.contains("verified: \(Self.userCount) of \(Self.userCount) keys open"),
      "\(result.output)")
    for portal in portals { try await Self.expectUsable(portal) }
    let after = try keyFile(of: stack)
    #expect(after.count == 2)
    #expect(after[1] == before[0])

    let back = try await keys(["rollback"], stack)
    #expect(back.exit == .code(0), "\(back.output)")
    #expect(try keyFile(of: stack) == [before[0], after[0]])
    let again = try await keys(["resume"], stack)
    #expect(again.output.contains("there is no rotation to go on with"), "\(again.output)")

    let export = stack.stateDirectory + "/former.keys"
    let retired = try await keys(["retire", "--export", export], stack)
    #expect(retired.exit == .code(0), "\(retired.output)")
    #expect(try keyFile(of: stack) == before)
    #expect(try String(contentsOfFile: export, encoding: .utf8) == after[0] + "\n")
    #expect(try await keys(["retire", "--destroy"], stack).exit == .code(1))
    for output in [plan, result, back, retired].map(\.output) {
      for key in after { #expect(!output.contains(key)) }
    }

    #expect(await stack.stop() == .code(0), "\(stack.printed)")
    let second = try await RunningStack.start(stateDirectory: stack.stateDirectory)
    let verified = try await keys(["verify", "--json"], second)
    let last = try #require(verified.output.split(separator: "\n").last)
    // Each has a former one by now.
    let count = 2 * Self.userCount
    #expect(
      last.contains(
        #""state":"done","rowsTotal":\#(count),"rowsOpened":\#(count),"rowsFailed":0"#), "\(last)")
    await second.stopAndRemove()
  }

  /// People with a key each.
  private static func people(of stack: RunningStack) async throws -> [Portal] {
    var portals: [Portal] = []
    for _ in 0..<userCount {
      let portal = Portal(stack.address)
      _ = try await portal.signUpAndLogIn()
      #expect(try await portal.addKey("openai", "sk-0123456789abcdef").status == 201)
      portals.append(portal)
    }
    return portals
  }

  /// Changing a label and a key opens and seals.
  private static func expectUsable(_ portal: Portal) async throws {
    let listed = try await portal.send(.GET, "/api/v1/provider-configs").list("providerConfigs")
    let id = try #require(listed.first?["id"] as? String)
    let changed = try await portal.send(
      .PATCH, "/api/v1/provider-configs/\(id)", json: ["apiKey": "sk-another-0123456789"])
    #expect(changed.status == 200, "\(changed.text)")
  }

  private func keys(
    _ arguments: [String], _ stack: RunningStack
  ) async throws -> (exit: ProcessExit?, output: String) {
    let result = try await RunningStack.runCommand(
      ["keys"] + arguments + ["--state-dir", stack.stateDirectory])
    return (result.exit, result.output)
  }

  private func keyFile(of stack: RunningStack) throws -> [String] {
    try String(contentsOfFile: stack.stateDirectory + "/secrets/master.key", encoding: .utf8)
      .split(separator: "\n").map(String.init)
  }
}
