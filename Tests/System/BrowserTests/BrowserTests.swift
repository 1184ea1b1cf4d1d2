import Foundation
import LocalDeployment
import TestSupport
import Testing

/// The portal in a real browser, through the whole running system.
@Suite struct BrowserTests {
  /// Runs a script beside this file to its end.
  static func run(
    _ script: String, _ arguments: [String], timeout: Duration = Python.timeout
  ) async throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent(script).path
    let (exit, output) = try await Python.run(path, arguments, timeout: timeout)
    // The figures that scripts print are what the release notes cite.
    print(output)
    #expect(exit == .code(0), "\(output)")
  }

  /// The folder of the programs that were built.
  static func programs() throws -> String {
    URL(fileURLWithPath: try RunningStack.builtProduct("chatelaine"))
      .deletingLastPathComponent().path
  }

  /// Without scripts.
  @Test func aPersonKeepsKeysInABrowser() async throws {
    let stack = try await RunningStack.start()
    let directory =
      ProcessInfo.processInfo.environment["CHATELAINE_TEST_ARTEFACTS"] ?? "test-artefacts"
    try await Self.run("drive_portal.py", [stack.address, directory + "/portal"])
    await stack.stopAndRemove()
  }

  /// From the landing page to a first answer of a provider, and over the pages of an account.
  @Test func everythingIsDoneByKeyboardAlone() async throws {
    try await Self.run("use_keyboard.py", [Self.programs()])
  }

  @Test func everyPageHoldsAtAllSizesForSomebodyWithMuch() async throws {
    try await Self.run("look_at_portal.py", [Self.programs()])
  }
}

/// Every page, account, width and theme: minutes of a browser that needs a processor for itself.
@Suite struct PortalMatrixTests {
  @Test func everyPageHoldsForEveryoneAtEveryWidth() async throws {
    try await BrowserTests.run(
      "look_at_portal.py", [BrowserTests.programs(), "--wide"], timeout: .seconds(1_800))
  }

  /// With scripts, and the browser's virtual authenticator.
  @Test func aPersonLogsInWithAPasskey() async throws {
    let stack = try await RunningStack.start()
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("use_passkeys.py").path
    let (exit, output) = try await Python.run(script, [stack.address])
    #expect(exit == .code(0), "\(output)")
    await stack.stopAndRemove()
  }

  @Test func aPersonLogsInByAProviderThatIsNotOurs() async throws {
    let provider = try await OpenIDTestProvider(.real)
    let stack = try await RunningStack.start(environment: [
      "OIDC_PROVIDERS":
        #"[{"id": "corp", "name": "Corp", "issuer": "\#(provider.issuer)", "clientId": "portal", "#
        + #""clientSecret": "secret"}]"#,
      "OIDC_CA_FILE": provider.authorityFile,
    ])
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("log_in_by_provider.py").path
    let (exit, output) = try await Python.run(script, [stack.address])
    #expect(exit == .code(0), "\(output)")
    await stack.stopAndRemove()
  }
}
