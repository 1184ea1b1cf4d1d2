import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// `chatelaine env import` against the running system.
@Suite struct EnvImportTests {
  private static let file = """
    # keys of the old deployment\r
    export OPENAI_API_KEY="sk-import-openai-0123456789"\r
    ANTHROPIC_API_KEY='sk-ant-import-0123456789' # inline
    GOOGLE_API_KEY=import-google-0123456789
    DATABASE_URL=postgres://localhost/old
    PRIVATE_KEY="-----BEGIN-----
    several lines
    -----END-----"
    NOT A VARIABLE
    AZURE_OPENAI_API_KEY=azure-import-0123456789
    AZURE_OPENAI_ENDPOINT=https://example.openai.azure.com
    EMPTY_KEY=

    """

  @Test func storesWhatItRecognisesAndReportsEveryLine() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    let email = try await portal.signUpAndLogIn("importer")
    let path = stack.stateDirectory + "/old-\(UUID().uuidString).env"
    try Self.file.write(toFile: path, atomically: true, encoding: .utf8)
    let arguments = ["env", "import", path, "--user", email, "--state-dir", stack.stateDirectory]

    let rehearsal = try await RunningStack.runCommand(arguments + ["--dry-run"])
    #expect(rehearsal.output.contains("OPENAI_API_KEY"), "\(rehearsal.output)")
    #expect(
      try await portal.send(.GET, "/api/v1/provider-configs").list("providerConfigs").isEmpty)

    let first = try await RunningStack.runCommand(arguments)
    #expect(first.exit == .code(3), "a malformed line is said with the exit code: \(first.output)")
    #expect(first.output.contains("imported"))
    #expect(first.output.contains("not a provider"))
    #expect(first.output.contains("malformed"))
    let listed = try await portal.send(.GET, "/api/v1/provider-configs").list("providerConfigs")
    #expect(
      Set(listed.compactMap { $0["provider"] as? String }) == [
        "openai", "anthropic", "google", "azure-openai",
      ])

    let second = try await RunningStack.runCommand(arguments)
    #expect(second.output.contains("already there"), "\(second.output)")
    #expect(
      try await portal.send(.GET, "/api/v1/provider-configs").list("providerConfigs").count == 4)
    for output in [rehearsal.output, first.output, second.output] {
      for secret in ["0123456789", "several lines", "localhost/old"] {
        #expect(!output.contains(secret))
      }
    }
  }

  @Test func saysWhatIsWrongWithItsArguments() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let missing = try await RunningStack.runCommand([
      "env", "import", "/no/such/file", "--user", "a@example.org", "--state-dir",
      stack.stateDirectory,
    ])
    #expect(missing.exit != .code(0))
    #expect(missing.output.contains("/no/such/file"))

    let path = stack.stateDirectory + "/one-\(UUID().uuidString).env"
    try "OPENAI_API_KEY=sk-0123456789abcdef\n".write(
      toFile: path, atomically: true, encoding: .utf8)
    let nobody = try await RunningStack.runCommand([
      "env", "import", path, "--user", "nobody@example.org", "--state-dir", stack.stateDirectory,
    ])
    #expect(nobody.exit != .code(0))
    #expect(nobody.output.contains("nobody@example.org"))

    let stopped = try await RunningStack.runCommand([
      "env", "import", path, "--user", "a@example.org", "--state-dir", "/tmp/no-such-state",
    ])
    #expect(stopped.exit != .code(0))
    #expect(stopped.output.contains("chatelaine up") || stopped.output.contains("make run"))
  }
}
