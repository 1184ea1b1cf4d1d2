import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// A person with a machine of their own.
struct TerminalUser {
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

  /// Somebody who is logged in and has keys of three providers, at the stand-in.
  static func withKeys(
    _ name: String, scopes: [String] = ["USE", "MANAGE", "READ_AUDIT"]
  ) async throws -> (person: TerminalUser, key: String) {
    let (stack, standIn) = try await SharedStack.shared.withStandIn()
    let person = try await TerminalUser(stack, name)
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
}
