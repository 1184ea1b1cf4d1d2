import Foundation
import LocalDeployment
import TestSupport
import Testing

/// The portal in a real browser, without JavaScript, through the whole running system.
@Suite struct BrowserTests {
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
}
