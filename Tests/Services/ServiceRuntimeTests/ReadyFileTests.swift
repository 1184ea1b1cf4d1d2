import Addresses
import Foundation
import Testing

@testable import ServiceRuntime

@Suite struct ReadyFileTests {
  private let path = FileManager.default.temporaryDirectory
    .appendingPathComponent("chatelaine-\(UUID().uuidString)").path

  @Test func itHoldsTheAddressUntilItIsTakenBack() throws {
    let file = ReadyFile(path: path)
    try file.write(NetworkAddress(host: "::1", port: 7001))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "[::1]:7001\n")
    try file.write(NetworkAddress(host: "::1", port: 7002))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "[::1]:7002\n")
    file.remove()
    #expect(!FileManager.default.fileExists(atPath: path))
    file.remove()
  }

  @Test func aPlaceThatCannotBeWrittenIsNamed() {
    let file = ReadyFile(path: "/nonexistent/ready")
    #expect(throws: StartupError.self) { try file.write(NetworkAddress(host: "h", port: 1)) }
  }

  @Test func nobodyNeedsToAskForIt() throws {
    try ReadyFile(path: nil).write(NetworkAddress(host: "h", port: 1))
  }
}
