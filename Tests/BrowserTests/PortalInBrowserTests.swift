import Foundation
import LocalDeployment
import TestSupport
import Testing

/// The pages as a person uses them, in headless Chromium with JavaScript switched off.
@Suite struct PortalInBrowserTests {
  @Test func aPersonManagesTheirKeys() async throws {
    let environment = ProcessInfo.processInfo.environment
    let artefacts = environment["CHATELAINE_TEST_ARTEFACTS"] ?? "test-artefacts"
    let pictures = URL(fileURLWithPath: artefacts).appendingPathComponent("browser").path
    try FileManager.default.createDirectory(atPath: pictures, withIntermediateDirectories: true)
    let stack = try await RunningStack.start(
      environment: ["CHATELAINE_ENDPOINT_ALLOWLIST": "127.0.0.1:9"])
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("drive_portal.py").path
    let (exit, output) = try await Python.run(script, [stack.address, pictures])
    #expect(exit == .code(0), "\(output)")
    await stack.stopAndRemove()
  }
}
