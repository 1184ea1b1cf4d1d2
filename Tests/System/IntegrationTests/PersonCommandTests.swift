import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// `chatelaine login`, `run`, `audit query` and what belongs to them, as a person
/// uses them against the running system.
@Suite(.timeLimit(.minutes(5))) struct PersonCommandTests {
  @Test func aLogInIsCheckedKeptForItsOwnerAloneAndRevokedWhenItEnds() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let person = try await TerminalUser(stack, "logger")
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

  private static let python =
    ProcessInfo.processInfo.environment[Python.environmentVariable] ?? "/usr/bin/python3"

  @Test func threeSDKsWorkWithoutEverHoldingAKey() async throws {
    let (person, key) = try await TerminalUser.withKeys("runner")
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
    let (person, _) = try await TerminalUser.withKeys("chooser", scopes: ["USE"])
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
    let (person, _) = try await TerminalUser.withKeys("ender")
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
    let (person, _) = try await TerminalUser.withKeys("signalled")
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

  // MARK: audit

  @Test func theLogIsAskedForWrittenAndFollowed() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let person = try await TerminalUser(stack, "reader")
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
