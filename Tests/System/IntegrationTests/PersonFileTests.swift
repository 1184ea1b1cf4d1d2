import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// `chatelaine env export`, and `env import` of one's own keys, against the running system.
@Suite(.timeLimit(.minutes(5))) struct PersonFileTests {
  @Test func anExportIsTheOwnersAloneAndEveryKeyInItIsInTheLog() async throws {
    let (person, key) = try await TerminalUser.withKeys("exporter")
    let file = "\(person.directory)/keys.env"
    let arguments = ["env", "export", file, "--password-stdin"]
    let unasked = try await person.run(arguments, input: "\(Portal.password)\n")
    #expect(unasked.exit == .code(1) && unasked.output.contains("--yes"))
    let wrong = try await person.run(arguments + ["--yes"], input: "not the password\n")
    #expect(wrong.exit == .code(1) && wrong.output.contains("not logged in"), "\(wrong.output)")
    #expect(!FileManager.default.fileExists(atPath: file))

    let export = try await person.run(arguments + ["--yes"], input: "\(Portal.password)\n")
    #expect(export.exit == .code(0), "\(export.output)")
    #expect(!export.output.contains(key))
    let text = try String(contentsOfFile: file, encoding: .utf8)
    #expect(text.contains("OPENAI_API_KEY=\(key)\nOPENAI_BASE_URL=http://127.0.0.1:"))
    #expect(text.contains("\nANTHROPIC_API_KEY=\(key)\n"))
    let attributes = try FileManager.default.attributesOfItem(atPath: file)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let again = try await person.run(arguments + ["--yes"], input: "\(Portal.password)\n")
    #expect(again.exit == .code(1) && again.output.contains("--force"))

    let shown = try await person.portal.auditEvents("action=credential.reveal") { $0.count == 3 }
    #expect(shown.count == 3)
    // The session that it was done with has ended; the person's own has not.
    let sessions = try await person.portal.send(.GET, "/api/v1/sessions").list("sessions")
    #expect(sessions.count == 1)
  }

  @Test func anExportAsksForTheSecondFactorToo() async throws {
    let (person, key) = try await TerminalUser.withKeys("factored")
    let secret = try await person.portal.send(.POST, "/api/v1/me/second-factor", json: [:])
      .string("secret")
    let code = try await Python.run(pythonScript("one_time_code"), [secret]).output
    let enabled = try await person.portal.send(
      .POST, "/api/v1/me/second-factor:enable",
      json: ["code": code.trimmingCharacters(in: .whitespacesAndNewlines)])
    let recovery = try #require((enabled.json["codes"] as? [String])?.first, "\(enabled.text)")
    let arguments = ["env", "export", "-", "--yes", "--password-stdin"]
    let without = try await person.run(arguments, input: "\(Portal.password)\n")
    #expect(without.exit == .code(1) && !without.output.contains(key), "\(without.output)")
    let wrong = try await person.run(arguments, input: "\(Portal.password)\naaaaa-aaaaa\n")
    #expect(wrong.exit == .code(1) && !wrong.output.contains(key), "\(wrong.output)")
    let export = try await person.run(arguments, input: "\(Portal.password)\n\(recovery)\n")
    #expect(export.exit == .code(0) && export.output.contains("OPENAI_API_KEY=\(key)\n"))
  }

  /// What answers there is no portal, and whether it is trusted comes first.
  @Test func aPortalsCertificateIsChecked() async throws {
    let (stack, standIn) = try await SharedStack.shared.withStandIn()
    let person = try await TerminalUser(stack, "checker")
    let port = try #require(standIn.rooms["run"]).secure
    let address = "https://127.0.0.1:\(port)"
    let token = "chat_\(String(repeating: "A", count: 43))"
    let unknown = try await person.run(["login", "--portal", address], input: token)
    #expect(unknown.exit == .code(1))
    #expect(unknown.output.contains("can't be reached") && unknown.output.contains("certificate"))
    let authority = try #require(await SharedStack.shared.authorityFile)
    let known = try await person.run(
      ["login", "--portal", address, "--ca-file", authority], input: token)
    #expect(known.exit == .code(1) && !known.output.contains("can't be reached"), "\(known.output)")
  }

  @Test func anAccessTokenHasNoKeyShown() async throws {
    let (person, key) = try await TerminalUser.withKeys("tokens")
    let config = try #require(
      try await person.portal.send(.GET, "/api/v1/provider-configs").list("providerConfigs").first)
    let path = "/api/v1/provider-configs/\(config["id"] as? String ?? ""):reveal"
    let token = try await person.portal.accessToken(scopes: ["USE", "MANAGE", "READ_AUDIT"])
    let refused = try await Portal(person.portal.address, bearer: token).send(
      .POST, path, json: [:])
    #expect(refused.status == 403 && !refused.text.contains(key), "\(refused.text)")
    let shown = try await person.portal.send(.POST, path, json: [:])
    #expect(shown.status == 200 && shown.string("apiKey") == key, "\(shown.text)")
    #expect(shown.headers["cache-control"].joined().contains("no-store"))
  }

  // MARK: env import

  @Test func anImportOfOnesOwnCanBeTakenBack() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let person = try await TerminalUser(stack, "undoer")
    try await person.logIn()
    let old = try await person.portal.addKey("openai", "sk-before-0123456789-old")
    let file = "\(person.directory)/old.env"
    try "OPENAI_API_KEY=sk-new-0123456789abcdef\nMISTRAL_API_KEY=mistral-0123456789abcdef\n"
      .write(toFile: file, atomically: true, encoding: .utf8)
    func keys() async throws -> [String: String] {
      let listed = try await person.portal.send(.GET, "/api/v1/provider-configs")
      return Dictionary(
        uniqueKeysWithValues: listed.list("providerConfigs").map {
          ("\($0["provider"] ?? "")/\($0["label"] ?? "")", $0["maskedKey"] as? String ?? "")
        })
    }
    let before = try await keys()
    #expect(before.count == 1 && old.status == 201)

    let rehearsal = try await person.run(["env", "import", file, "--dry-run"])
    #expect(rehearsal.output.contains("conflict") && !rehearsal.output.contains("--undo"))
    #expect(try await keys() == before)

    let kept = try await person.run(["env", "import", file])
    #expect(kept.exit == .code(3), "\(kept.output)")
    #expect(Set(try await keys().keys) == ["openai/default", "mistral/default"])
    let listed = try await person.portal.send(.GET, "/api/v1/provider-configs?provider=mistral")
    let note = listed.list("providerConfigs").first?["note"] as? String
    #expect(note == "Imported from old.env, line 2.")
    try await undo(kept.output, person)
    #expect(try await keys() == before)

    let both = try await person.run(["env", "import", file, "--on-conflict", "new-label"])
    #expect(both.exit == .code(0), "\(both.output)")
    #expect(try await keys().keys.contains("openai/default-2"))
    try await undo(both.output, person)
    #expect(try await keys() == before)

    let replaced = try await person.run(["env", "import", file, "--on-conflict", "replace"])
    #expect(replaced.exit == .code(0), "\(replaced.output)")
    #expect(try await keys()["openai/default"] != before["openai/default"])
    try await undo(replaced.output, person)
    #expect(try await keys() == before)
  }

  private func undo(_ output: String, _ person: TerminalUser) async throws {
    let line = try #require(output.split(separator: "\n").last { $0.contains("--undo ") })
    let name = try #require(line.split(separator: " ").last.map(String.init))
    let run = try await person.run(["env", "import", "--undo", name])
    #expect(run.exit == .code(0), "\(run.output)")
    let again = try await person.run(["env", "import", "--undo", name])
    #expect(again.exit == .code(1) && again.output.contains("it is undone"))
  }

  @Test func whatWasChangedSinceAnImportIsLeftAsItIs() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let person = try await TerminalUser(stack, "changer")
    try await person.logIn()
    let file = "\(person.directory)/old.env"
    try "MISTRAL_API_KEY=mistral-0123456789abcdef\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    let run = try await person.run(["env", "import", file])
    let config = try #require(
      try await person.portal.send(.GET, "/api/v1/provider-configs").list("providerConfigs").first)
    let path = "/api/v1/provider-configs/\(config["id"] ?? "")"
    #expect(try await person.portal.send(.PATCH, path, json: ["label": "work"]).status == 200)
    let line = try #require(run.output.split(separator: "\n").last { $0.contains("--undo ") })
    let name = try #require(line.split(separator: " ").last.map(String.init))
    let undone = try await person.run(["env", "import", "--undo", name])
    #expect(undone.exit == .code(3) && undone.output.contains("changed since"), "\(undone.output)")
    #expect(try await person.portal.send(.GET, path).status == 200)
  }
}
