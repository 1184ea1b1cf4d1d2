import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// `chatelaine login`, `run`, `env export`, `audit query` and what belongs to them, as a person
/// uses them against the running system.
@Suite(.timeLimit(.minutes(5))) struct PersonCommandTests {
  /// A person with a machine of their own.
  private struct Person {
    let portal: Portal
    let email: String
    /// Of XDG_CONFIG_HOME and of files.
    let directory: String

    init(_ stack: RunningStack, _ name: String) async throws {
      portal = Portal(stack.address)
      email = try await portal.signUpAndLogIn(name)
      directory = stack.stateDirectory + "/person-\(UUID().uuidString.prefix(8))"
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
    }

    var loginFile: String { "\(directory)/config/chatelaine/login.json" }

    /// Runs the program, with `input` on its standard input.
    func run(
      _ arguments: [String], input: String = "", environment: [String: String] = [:]
    ) async throws -> (exit: ProcessExit?, output: String) {
      let path = "\(directory)/input-\(UUID().uuidString)"
      try input.write(toFile: path, atomically: true, encoding: .utf8)
      var variables = ProcessInfo.processInfo.environment
      variables["XDG_CONFIG_HOME"] = "\(directory)/config"
      variables["XDG_STATE_HOME"] = "\(directory)/state"
      variables.merge(environment) { _, new in new }
      let output = Transcript()
      let process = try await ChildProcess.spawn(
        Command(
          path: "/bin/sh",
          arguments: [
            "-c", "exec \"$@\" <\"$0\"", path, try RunningStack.builtProduct("chatelaine"),
          ]
            + arguments, environment: variables),
        onOutput: { output.append($0) })
      let exit = await process.exit(within: .seconds(60))
      if exit == nil { process.signal(SIGKILL) }
      await output.end(within: .seconds(10))
      return (exit, output.text)
    }

    func logIn(scopes: [String] = ["USE", "MANAGE", "READ_AUDIT"]) async throws {
      let token = try await portal.accessToken("machine", scopes: scopes)
      let run = try await run(["login", "--portal", portal.address], input: token + "\n")
      #expect(run.exit == .code(0), "\(run.output)")
    }

    func accessTokens() async throws -> [[String: Any]] {
      try await portal.send(.GET, "/api/v1/access-tokens").list("accessTokens")
    }
  }

  @Test func aLogInIsCheckedKeptForItsOwnerAloneAndRevokedWhenItEnds() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let person = try await Person(stack, "logger")
    let wrong = try await person.run(
      ["login", "--portal", stack.address], input: "chat_\(String(repeating: "A", count: 43))\n")
    #expect(wrong.exit == .code(1) && wrong.output.contains("doesn't take the access token"))
    let key = try await person.run(["login", "--portal", stack.address], input: "sk-nokey\n")
    #expect(key.exit == .code(1) && key.output.contains("chat_") && !key.output.contains("nokey"))
    #expect(!FileManager.default.fileExists(atPath: person.loginFile))

    try await person.logIn()
    let attributes = try FileManager.default.attributesOfItem(atPath: person.loginFile)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(try await person.accessTokens().count == 1)
    // Another portal is not shown the token of this one.
    let elsewhere = try await person.run(["audit", "query", "--portal", "http://127.0.0.1:1"])
    #expect(elsewhere.exit == .code(1) && elsewhere.output.contains("not logged in"))

    chmod(person.loginFile, 0o644)
    let open = try await person.run(["audit", "query"])
    #expect(open.exit == .code(1) && open.output.contains("chmod 600"))
    chmod(person.loginFile, 0o600)

    let out = try await person.run(["logout"])
    #expect(out.exit == .code(0), "\(out.output)")
    #expect(!FileManager.default.fileExists(atPath: person.loginFile))
    #expect(try await person.accessTokens().isEmpty)
    #expect(try await person.run(["logout"]).exit == .code(0))
  }

  // MARK: run

  private func withKeys(
    _ name: String, scopes: [String] = ["USE", "MANAGE", "READ_AUDIT"]
  ) async throws -> (person: Person, key: String) {
    let (stack, standIn) = try await SharedStack.shared.withStandIn()
    let person = try await Person(stack, name)
    let key = "sk-of-the-provider-\(UUID().uuidString)"
    let room = try #require(standIn.rooms["run"])
    for provider in ["openai", "anthropic", "google"] {
      let added = try await person.portal.addKey(
        provider, key, baseURL: "http://127.0.0.1:\(room.provider)")
      #expect(added.status == 201, "\(added.text)")
    }
    try await person.logIn(scopes: scopes)
    return (person, key)
  }

  private static let python =
    ProcessInfo.processInfo.environment[Python.environmentVariable] ?? "/usr/bin/python3"

  @Test func threeSDKsWorkWithoutEverHoldingAKey() async throws {
    let (person, key) = try await withKeys("runner")
    let run = try await person.run(
      ["run", "--ttl", "5m", "--", Self.python, pythonScript("use_sdks")],
      environment: [
        "OPENAI_API_KEY": "sk-callers-own", "ANTHROPIC_AUTH_TOKEN": "callers-own",
        "GOOGLE_API_KEY": "callers-own",
      ])
    #expect(run.exit == .code(0), "\(run.output)")
    #expect(!run.output.contains(key) && !run.output.contains("callers-own"))
    let last = run.output.split(separator: "\n").last.map(String.init) ?? ""
    let result = try #require(
      try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any])
    let answers = try #require(result["answers"] as? [String: String])
    #expect(answers.count == 3 && !answers.values.contains(""))
    let environment = try #require(result["environment"] as? [String: String])
    let token = try #require(environment["OPENAI_API_KEY"])
    #expect(token.hasPrefix("chat_") && environment["CHATELAINE_TOKEN"] == token)

    // The run is over, and so is its token; that of the log-in is not.
    let program = Portal(person.portal.address, bearer: token)
    #expect(try await program.send(.GET, "/api/v1/me").status == 401)
    #expect(try await person.accessTokens().count == 1)
    let made = try await person.portal.auditEvents("action=access-token.derive") { $0.count == 1 }
    #expect((made.first?["details"] as? [String: Any])?["scopes"] as? String == "use")
    let used = try await person.portal.auditEvents("action=credential.resolve") { $0.count == 3 }
    #expect(used.count == 3)
  }

  @Test func theTokenIsForTheChosenProvidersAndForUseAlone() async throws {
    let (person, _) = try await withKeys("chooser", scopes: ["USE"])
    let unnamed = try await person.run(["run", "--", "true"])
    #expect(unnamed.exit == .code(1) && unnamed.output.contains("--provider"))
    let script = """
      bearer="Authorization: Bearer $CHATELAINE_TOKEN"
      code() { curl -s -o /dev/null -w '%{http_code} ' -H "$bearer" "$@"; }
      code "$CHATELAINE_PORTAL/proxy/openai/v1/models"
      code "$CHATELAINE_PORTAL/proxy/anthropic/v1/models"
      code "$CHATELAINE_PORTAL/api/v1/provider-configs"
      echo "${ANTHROPIC_API_KEY-none}"
      """
    let run = try await person.run(
      ["run", "--provider", "openai", "--", "sh", "-c", script],
      environment: ["PATH": "/usr/bin:/bin"])
    #expect(run.exit == .code(0))
    #expect(run.output.contains("200 403 403 none"), "\(run.output)")
  }

  @Test func theProgramsEndIsTheCommandsAndEndsItsToken() async throws {
    let (person, _) = try await withKeys("ender")
    func status(_ command: String...) async throws -> ProcessExit? {
      try await person.run(["run", "--provider", "openai", "--"] + command).exit
    }
    #expect(try await status("sh", "-c", "exit 7") == .code(7))
    #expect(try await status("sh", "-c", "kill -KILL $$") == .code(128 + SIGKILL))
    #expect(try await status("/no/such/program") == .code(127))
    #expect(try await status("/etc/passwd") == .code(126))
    let parent = try #require(try await person.accessTokens().first?["id"] as? String)
    let left = try await person.portal.send(.GET, "/api/v1/access-tokens?parentId=\(parent)")
    #expect(left.list("accessTokens").isEmpty, "\(left.text)")
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
  func aSignalIsThePrograms(_ signal: Int32) async throws {
    let (person, _) = try await withKeys("signalled")
    let token = "\(person.directory)/token"
    // It says its token when its trap stands, and ends by the signal's own.
    let script = """
      trap 'exit 5' HUP INT TERM
      printf %s "$CHATELAINE_TOKEN" >"$0.new" && mv "$0.new" "$0"
      while :; do sleep 0.05; done
      """
    var environment = ProcessInfo.processInfo.environment
    environment["XDG_CONFIG_HOME"] = "\(person.directory)/config"
    let output = Transcript()
    let process = try await ChildProcess.spawn(
      Command(
        path: try RunningStack.builtProduct("chatelaine"),
        arguments: ["run", "--provider", "openai", "--", "sh", "-c", script, token],
        environment: environment), onOutput: { output.append($0) })
    while !FileManager.default.fileExists(atPath: token) {
      guard process.exitIfEnded == nil else { break }
      // A file of another process has nothing to wait on.
      try await Task.sleep(for: .milliseconds(20))
    }
    process.signal(signal)
    #expect(await process.exit(within: .seconds(30)) == .code(5), "\(output.text)")
    let bearer = try String(contentsOfFile: token, encoding: .utf8)
    let program = Portal(person.portal.address, bearer: bearer)
    #expect(try await program.send(.GET, "/api/v1/me").status == 401)
  }

  // MARK: env export

  @Test func anExportIsTheOwnersAloneAndEveryKeyInItIsInTheLog() async throws {
    let (person, key) = try await withKeys("exporter")
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

  @Test func anAccessTokenHasNoKeyShown() async throws {
    let (person, key) = try await withKeys("tokens")
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
    let person = try await Person(stack, "undoer")
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

  private func undo(_ output: String, _ person: Person) async throws {
    let line = try #require(output.split(separator: "\n").last { $0.contains("--undo ") })
    let name = try #require(line.split(separator: " ").last.map(String.init))
    let run = try await person.run(["env", "import", "--undo", name])
    #expect(run.exit == .code(0), "\(run.output)")
    let again = try await person.run(["env", "import", "--undo", name])
    #expect(again.exit == .code(1) && again.output.contains("it is undone"))
  }

  @Test func whatWasChangedSinceAnImportIsLeftAsItIs() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let person = try await Person(stack, "changer")
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

  // MARK: audit

  @Test func theLogIsAskedForWrittenAndFollowed() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let person = try await Person(stack, "reader")
    try await person.logIn()
    _ = try await person.portal.auditEvents("action=access-token.create") { $0.count == 1 }
    let query = try await person.run(["audit", "query", "--action", "access-token.*"])
    #expect(query.exit == .code(0) && query.output.contains("access-token.create"))
    #expect(query.output.contains("by \(person.email)"), "\(query.output)")
    let json = try await person.run(["audit", "query", "--limit", "1", "--json"])
    let event = try #require(
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect(event["sequence"] is String)
    let none = try await person.run(["audit", "query", "--until", "2001-01-01"])
    #expect(none.exit == .code(0) && none.output.isEmpty)

    let file = "\(person.directory)/log.jsonl"
    let export = try await person.run(["audit", "export", file])
    #expect(export.exit == .code(0), "\(export.output)")
    let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    #expect(lines.count >= 2 && lines.allSatisfy { $0.hasPrefix("{") })
    #expect(try await person.run(["audit", "export", file]).exit == .code(1))

    var environment = ProcessInfo.processInfo.environment
    environment["XDG_CONFIG_HOME"] = "\(person.directory)/config"
    let output = Transcript()
    let tail = try await ChildProcess.spawn(
      Command(
        path: try RunningStack.builtProduct("chatelaine"),
        arguments: [
          "audit", "tail", "--interval", "1", "--lines", "1", "--action", "access-token.*",
        ],
        environment: environment), onOutput: { output.append($0) })
    defer { tail.signal(SIGKILL) }
    let name = "followed-\(UUID().uuidString.prefix(8))"
    _ = try await person.portal.accessToken(name)
    let limit = ContinuousClock.now.advanced(by: .seconds(30))
    while !output.text.contains(name), .now < limit {
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(output.text.contains(name), "\(output.text)")
  }
}
