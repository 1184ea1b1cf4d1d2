import Foundation
import LocalDeployment
import TestSupport
import Testing

/// The portal in a real browser, through the whole running system.
@Suite struct BrowserTests {
  /// Without scripts.
  @Test func aPersonKeepsKeysInABrowser() async throws {
    let stack = try await RunningStack.start()
    let directory =
      ProcessInfo.processInfo.environment["CHATELAINE_TEST_ARTEFACTS"] ?? "test-artefacts"
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("drive_portal.py").path
    let (exit, output) = try await Python.run(script, [stack.address, directory + "/portal"])
    #expect(exit == .code(0), "\(output)")
    await stack.stopAndRemove()
  }

  @Test func everyPageHoldsForEveryoneAtEveryWidth() async throws {
    let stack = try await RunningStack.start()
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("look_at_portal.py").path
    let (exit, output) = try await Python.run(script, [stack.address])
    #expect(exit == .code(0), "\(output)")
    await stack.stopAndRemove()
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
}
