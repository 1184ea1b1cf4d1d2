import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// A person takes their log along and verifies it with the command line, as
/// docs/verify-the-log.md says; `scripts/check-log` runs that page's own commands.
@Suite struct LogVerificationTests {
  @Test func aPersonVerifiesTheirLogOfflineAndNoticesAChange() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn("verifier")
    let reader = Portal(
      stack.address, bearer: try await portal.accessToken("log", scopes: ["READ_AUDIT"]))
    let path = "/api/v1/audit-log/proof"
    // Signed up, logged in, made a token: on their way to the log, and then signed.
    let first = try await file(of: reader, path, lines: 4)
    #expect(first.contains("account.create"))

    let directory = NSTemporaryDirectory() + "verify-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let key = try await portal.send(.GET, "/log/key").text
    func verify(_ files: [String: String]) async throws -> (isWell: Bool, output: String) {
      for (name, text) in files {
        try text.write(toFile: directory + "/" + name, atomically: true, encoding: .utf8)
      }
      let names = files.keys.sorted().map { directory + "/" + $0 }
      let run = try await RunningStack.runCommand(
        ["audit", "verify", "--key", key.trimmingCharacters(in: .whitespacesAndNewlines)] + names)
      return (run.exit == .code(0), run.output)
    }
    let verdict = try await verify(["a": first])
    #expect(verdict.isWell, "\(verdict.output)")
    #expect(verdict.output.contains("all 3 entries of account"))

    _ = try await portal.addKey("openai", "sk-0123456789abcdef")
    let header = try #require(
      try JSONSerialization.jsonObject(with: Data(first.prefix { $0 != "\n" }.utf8))
        as? [String: Any])
    let size = try #require(
      (header["checkpoint"] as? String)?.split(separator: "\n").dropFirst().first)
    let second = try await file(of: reader, path + "?since=\(size)", lines: 5)
    let both = try await verify(["a": first, "b": second])
    #expect(both.isWell, "\(both.output)")
    #expect(both.output.contains("b: continues"))

    let changed = second.replacing("192.0.2", with: "198.51.100")
      .replacing("127.0.0.1", with: "127.0.0.2")
    let found = try await verify(["a": changed])
    #expect(!found.isWell)
    #expect(found.output.contains("was changed after it was recorded"), "\(found.output)")
    let shorter = second.split(separator: "\n").dropLast().joined(separator: "\n")
    let missing = try await verify(["a": shorter])
    #expect(!missing.isWell)
    #expect(missing.output.contains("the account's entry number 4 is missing"))
  }

  @Test func aKeyForALogIsMadeOnce() async throws {
    let path = NSTemporaryDirectory() + "log-\(UUID().uuidString).pem"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let made = try await RunningStack.runCommand(["audit", "new-key", path])
    #expect(made.exit == .code(0))
    #expect(made.output.hasPrefix("chatelaine/"))
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try await RunningStack.runCommand(["audit", "new-key", path]).exit == .code(1))
  }

  /// The file as soon as it has so many lines: entries are delivered, then signed; bounded.
  private func file(of reader: Portal, _ path: String, lines: Int) async throws -> String {
    let limit = ContinuousClock.now.advanced(by: .seconds(20))
    while true {
      let answer = try await reader.send(.GET, path)
      let text = answer.text
      if text.count(where: { $0 == "\n" }) >= lines || ContinuousClock.now > limit { return text }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}
