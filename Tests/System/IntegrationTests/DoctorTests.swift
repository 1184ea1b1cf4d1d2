import Foundation
import LocalDeployment
import TestSupport
import Testing

/// `chatelaine doctor`: what it says of a deployment that is well, and of one where all is wrong.
@Suite(.timeLimit(.minutes(2))) struct DoctorTests {
  private struct Finding: Decodable {
    let check: String
    let verdict: String
    let text: String
    let remedy: String?
  }

  private static func findings(_ output: String) -> [String: Finding] {
    let lines = output.split(separator: "\n").compactMap {
      try? JSONDecoder().decode(Finding.self, from: Data($0.utf8))
    }
    return Dictionary(lines.map { ($0.check, $0) }, uniquingKeysWith: { $1 })
  }

  @Test func aPortalThatRunsIsWellInEveryRespect() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let run = try await RunningStack.runCommand(
      ["doctor", "--json", "--state-dir", stack.stateDirectory])
    #expect(run.exit == .code(0), "\(run.output)")
    let findings = Self.findings(run.output)
    #expect(
      Set(findings.keys) == [
        "programs", "clock", "files", "disk", "master key", "certificates", "database", "roles",
        "migrations", "sealed keys", "receipts", "mails", "services", "portal",
      ])
    // The clock of the machine and the room on its disk are not ours.
    for finding in findings.values where !["clock", "disk"].contains(finding.check) {
      #expect(finding.verdict == "well", "\(finding)")
    }
    let text = try await RunningStack.runCommand(["doctor", "--state-dir", stack.stateDirectory])
    #expect(text.output.contains("ok      portal        http://"), "\(text.output)")
  }

  @Test func nothingThatIsWrongIsOverlookedAndEachHasItsRemedy() async throws {
    let server = TestPostgres()
    let cluster = try await server.cluster()
    let directory = "/tmp/chatelaine-test-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    func run(_ arguments: String...) async throws -> (exit: ProcessExit?, output: String) {
      try await RunningStack.runCommand(
        arguments + ["--secrets-dir", directory],
        environment: ["ADMIN_DATABASE_URL": cluster.superuserConnectionURL()])
    }
    func verdicts(_ output: String, _ verdict: String) -> Set<String> {
      Set(Self.findings(output).values.filter { $0.verdict == verdict }.map(\.check))
    }
    #expect(try await run("init").exit == .code(0))

    let early = try await run("doctor", "--json")
    #expect(early.exit == .code(1))
    #expect(verdicts(early.output, "failed") == ["migrations"], "\(early.output)")
    #expect(Self.findings(early.output)["migrations"]?.remedy?.contains("migrate") == true)

    #expect(try await run("migrate").exit == .code(0))
    let well = try await run("doctor", "--json")
    #expect(well.exit == .code(0), "\(well.output)")
    #expect(verdicts(well.output, "failed") == [])

    try await cluster.runScript(
      """
      ALTER ROLE vault CREATEROLE;
      INSERT INTO vault.key_encryption_keys (id) VALUES ('0123456789abcdef');
      INSERT INTO vault.data_keys (id, user_id, kek_id, wrapped)
        VALUES (gen_random_uuid(), gen_random_uuid(), '0123456789abcdef', '\\x00');
      INSERT INTO vault.outbox (event, create_time) VALUES ('\\x00', now() - interval '1 hour');
      INSERT INTO auth.mails (id, occasion, email, device, ip_address, create_time, attempts)
        VALUES (gen_random_uuid(), 'reset', 'ada@example.org', '', '', now() - interval '1 day', 9);
      """, database: "chatelaine")
    let secrets = SecretsLayout(directory)
    chmod(secrets.masterKeyFile, 0o604)
    let certificate = secrets.certificatePaths(of: "audit").certificate
    chmod(certificate, 0o644)
    try Data("no certificate\n".utf8).write(to: URL(fileURLWithPath: certificate))

    let ill = try await run("doctor", "--json")
    #expect(ill.exit == .code(1))
    #expect(
      verdicts(ill.output, "failed") == [
        "files", "certificates", "roles", "sealed keys", "receipts", "mails",
      ], "\(ill.output)")
    let findings = Self.findings(ill.output)
    for (check, part) in [
      ("files", secrets.masterKeyFile), ("certificates", certificate), ("roles", "vault"),
      ("sealed keys", "1 data keys need 0123456789abcdef"), ("receipts", "1 wait"),
      ("mails", "9 attempts"),
    ] {
      #expect(findings[check]?.text.contains(part) == true, "\(check)")
      #expect(findings[check]?.remedy?.isEmpty == false, "\(check)")
    }
    // What stands in the tables is none of the doctor's business.
    #expect(!ill.output.contains("ada@example.org"))

    try await cluster.runScript(
      """
      ALTER ROLE vault NOCREATEROLE; DELETE FROM vault.outbox;
      GRANT USAGE ON SCHEMA auth TO vault;
      INSERT INTO auth.outbox_set_aside (position, event, create_time, problem)
        VALUES (1, '\\x00', now(), 'too large');
      """, database: "chatelaine")
    let other = try await run("doctor", "--json")
    #expect(Self.findings(other.output)["roles"]?.text.contains("schema auth") == true)
    #expect(Self.findings(other.output)["receipts"]?.verdict == "warning", "\(other.output)")
  }

  @Test func whereThereIsNothingItSaysWhatToStart() async throws {
    let run = try await RunningStack.runCommand(["doctor", "--state-dir", "/tmp/chatelaine-none"])
    #expect(run.exit == .code(1))
    #expect(run.output.contains("FAILED  state         there is nothing at /tmp/chatelaine-none"))
    #expect(run.output.contains("-> start a deployment with chatelaine up"))
  }
}
