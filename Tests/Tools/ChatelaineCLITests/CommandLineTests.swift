import Foundation
import LocalDeployment
import Testing

/// The program as its users run it, where that needs no running deployment.
@Suite(.timeLimit(.minutes(2))) struct CommandLineTests {
  private struct Run {
    let status: ProcessExit
    let output: String
  }

  @Test func helpIsNoFailure() async throws {
    let run = try await run("--help")
    #expect(run.status == .code(0))
    #expect(run.output.contains("up") && run.output.contains("env"))
  }

  @Test(arguments: [
    ["nonsense"], ["up", "--port", "70000"], ["up", "--port", "x"], ["up", "--port", "-1"],
    ["env", "import"],
    ["env", "import", "f", "--user", "nobody"], ["env", "import", "f", "--undo", "x"],
    ["env", "import", "--undo", "x", "--user", "a@example.org"],
    ["run"], ["run", "true"], ["run", "--ttl", "2d", "--", "true"],
    ["run", "--provider", "nonesuch", "--", "true"],
    ["run", "--label", "a", "--provider", "custom/b", "--", "true"], ["login", "--days", "8"],
    ["env", "export"], ["env", "export", "f", "--format", "yaml"],
    ["env", "export", "f", "--provider", "nonesuch"], ["audit", "query", "--limit", "0"],
    ["audit", "query", "--since", "yesterday"], ["audit", "tail", "--interval", "0"],
    ["up", "--state-dir", ""],
  ])
  func aWrongCommandLineEndsWithTwo(_ arguments: [String]) async throws {
    let run = try await run(arguments)
    #expect(run.status == .code(2), "\(run.output)")
    #expect(!run.output.isEmpty)
  }

  @Test func aFileThatCannotBeReadIsNamed() async throws {
    for path in ["/no/such/file", "/tmp"] {
      let run = try await run("env", "import", path, "--user", "a@example.org")
      #expect(run.status == .code(1))
      #expect(run.output.contains("chatelaine: \(path): "))
    }
  }

  @Test func aFileBeyondTheLimitIsRefused() async throws {
    let path = try temporaryFile(String(repeating: "#", count: (1 << 20) + 1))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let run = try await run("env", "import", path, "--user", "a@example.org")
    #expect(run.status == .code(1))
    #expect(run.output.contains("has more than 1048576 bytes"))
  }

  @Test func withoutARunningDeploymentTheStartIsExplained() async throws {
    let path = try temporaryFile("OPENAI_API_KEY=sk-canary\n")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let run = try await run(
      "env", "import", path, "--user", "a@example.org", "--state-dir", "/tmp/no-such-state")
    #expect(run.status == .code(1))
    #expect(run.output.contains("chatelaine up --state-dir /tmp/no-such-state"))
    #expect(!run.output.contains("canary"))
  }

  @Test(arguments: [
    ("upp", "Did you mean 'up'?"), ("statsu", "Did you mean 'status'?"),
    ("frobnicate", "there are up, status, doctor"),
  ])
  func aMistypedCommandIsGuessed(_ row: (word: String, text: String)) async throws {
    let run = try await run(row.word)
    #expect(run.status == .code(2))
    #expect(run.output.contains("there is no command '\(row.word)'"))
    #expect(run.output.contains(row.text))
  }

  /// Nobody is logged in where there is no configuration.
  @Test(arguments: [
    ["logout"], ["run", "--provider", "openai", "--", "true"], ["audit", "query"],
    ["env", "export", "/tmp/no/such/place", "--yes"], ["env", "import", "/dev/null"],
  ])
  func whoIsNotLoggedInIsToldHow(_ arguments: [String]) async throws {
    let run = try await run(arguments, ["XDG_CONFIG_HOME": "/tmp/no-such-configuration"])
    #expect(run.status == .code(arguments == ["logout"] ? 0 : 1))
    #expect(run.output.contains(arguments == ["logout"] ? "nobody is logged in" : "--portal"))
    let plain = try await self.run(
      ["login", "--portal", "http://keys.example.org"],
      ["XDG_CONFIG_HOME": "/tmp/no-such-configuration"])
    #expect(plain.status == .code(1) && plain.output.contains("must be https"))
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func aShellGetsItsCompletions(_ shell: String) async throws {
    let run = try await run("completion", shell)
    #expect(run.status == .code(0))
    for word in ["chatelaine", "status", "login", "run", "export", "tail", "ttl"] {
      #expect(run.output.contains(word))
    }
  }

  @Test func aDeploymentThatDoesNotRunHasAStatusToo() async throws {
    let run = try await run("status", "--json", "--state-dir", "/tmp/no-such-state")
    #expect(run.status == .code(1))
    #expect(run.output.contains(#"{"running":false}"#))
    #expect(run.output.contains("chatelaine up --state-dir /tmp/no-such-state"))
  }

  private func run(_ arguments: String...) async throws -> Run { try await run(arguments) }

  private func run(
    _ arguments: [String], _ variables: [String: String] = [:]
  ) async throws -> Run {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let directory = URL(fileURLWithPath: own).deletingLastPathComponent().path
    // The product, or the target where only the target was built.
    let path = try #require(
      ["chatelaine", "ChatelaineCLI"].map { "\(directory)/\($0)" }
        .first { FileManager.default.isExecutableFile(atPath: $0) })
    let output = Output()
    let child = try await ChildProcess.spawn(
      Command(
        path: path, arguments: arguments,
        environment: ProcessInfo.processInfo.environment.merging(variables) { $1 }),
      onOutput: { output.append($0) })
    let status = try #require(await child.exit(within: .seconds(60)))
    return Run(status: status, output: await output.text())
  }

  private func temporaryFile(_ text: String) throws -> String {
    let path = "/tmp/chatelaine-test-\(UUID().uuidString).env"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }
}

/// Collects what a process prints until it has closed its output.
private final class Output: Sendable {
  private let stream: AsyncStream<[UInt8]>
  private let continuation: AsyncStream<[UInt8]>.Continuation

  init() { (stream, continuation) = AsyncStream.makeStream() }

  func append(_ bytes: [UInt8]?) {
    if let bytes { continuation.yield(bytes) } else { continuation.finish() }
  }

  func text() async -> String {
    var all: [UInt8] = []
    for await bytes in stream { all += bytes }
    return String(decoding: all, as: UTF8.self)
  }
}
