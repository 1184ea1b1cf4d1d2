import Foundation
import LocalDeployment
import TestSupport
import Testing

/// `chatelaine init`, `migrate` and `certificates` as an operator runs them.
@Suite(.timeLimit(.minutes(2))) struct SetUpTests {
  @Test func aServerIsSetUpMigratedAndSetUpAgainWithoutAChange() async throws {
    let server = TestPostgres()
    let cluster = try await server.cluster()
    let directory = "/tmp/chatelaine-test-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    func run(_ arguments: String...) async throws -> (exit: ProcessExit?, output: String) {
      try await RunningStack.runCommand(
        arguments + ["--secrets-dir", directory],
        environment: ["ADMIN_DATABASE_URL": cluster.superuserConnectionURL()])
    }

    let made = try await run("init", "--dns", "auth=auth.example.org")
    #expect(made.exit == .code(0), "\(made.output)")
    #expect(made.output.contains("made \(directory)/vault/master.key"))
    let plan = try await run("migrate", "--plan")
    #expect(plan.output.contains("auth: would apply 1 accounts"), "\(plan.output)")
    let migrated = try await run("migrate")
    #expect(migrated.exit == .code(0))
    #expect(migrated.output.contains("vault: applied 2 outbox"), "\(migrated.output)")
    let again = try await run("migrate", "--only", "audit")
    #expect(again.output == "audit: up to date\n")
    let second = try await run("init", "--dns", "auth=auth.example.org")
    #expect(second.output == "nothing to do: everything is there\n")
    let certificates = try await run("certificates", "list")
    #expect(certificates.output.contains("spiffe://chatelaine/gateway  "), "\(certificates.output)")
  }

  @Test(arguments: [
    ["init", "--secrets-dir", "/tmp/x", "--dns", "auth"],
    ["init", "--secrets-dir", "/tmp/x", "--dns", "auth=a,DNS:b"],
    ["init", "--secrets-dir", "/tmp/x", "--owner", "nobody=1:1"],
    ["init", "--secrets-dir", "/tmp/x", "--owner", "auth=1"],
    ["init", "--secrets-dir", "/tmp/x", "--owner", "auth=-1:1"],
    ["migrate", "--only", "portal"],
  ])
  func aCommandLineThatMakesNoSenseIsRefusedBeforeAnythingIsDone(arguments: [String]) async throws {
    let refused = try await RunningStack.runCommand(arguments)
    #expect(refused.exit == .code(2), "\(refused.output)")
    #expect(refused.output.contains(arguments[arguments.count - 2]), "\(refused.output)")
  }
}
