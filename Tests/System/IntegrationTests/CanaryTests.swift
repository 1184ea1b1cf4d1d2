import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// Secrets used in a running system are looked for in every place they could leak to.
@Suite struct CanaryTests {
  @Test func noSecretIsInAnyLogFileTableOrDump() async throws {
    let upstream = try await UpstreamServer.start()
    let stack = try await RunningStack.start(
      environment: ["CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority, "LOG_LEVEL": "debug"])
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn("canary")
    let key = "sk-canary-\(UUID().uuidString)"
    _ = try await portal.addKey(
      "custom", key, label: "local", baseURL: "http://\(upstream.authority)/v1")
    let token = try await portal.accessToken()
    let session = try #require(portal.sessionToken)
    let program = Portal(stack.address, bearer: token)
    #expect(try await program.send(.GET, "/proxy/custom/local/v1/models").status == 200)
    _ = try await program.send(.GET, "/proxy/custom/local/v1/no-such-path?key=\(token)")
    _ = try await portal.auditEvents { events in
      events.contains { $0["action"] as? String == "credential.resolve" }
    }
    let dump = try await Database.dump(of: stack)
    #expect(dump.contains("provider_configs"))
    await stack.stop()

    let secrets = [
      "the provider key": key, "the access token": token, "the session token": session,
      "the password": Portal.password,
    ]
    for (name, secret) in secrets {
      #expect(!dump.contains(secret), "\(name) is in the dump")
      #expect(!stack.printed.contains(secret), "\(name) was printed")
      let files = filesContaining(Data(secret.utf8), below: stack.stateDirectory)
      #expect(files.isEmpty, "\(name) is in \(files)")
    }
    await stack.stopAndRemove()
  }

  /// Every file of the stopped system: logs, tables, write-ahead log, everything.
  private func filesContaining(_ needle: Data, below directory: String) -> [String] {
    guard let walker = FileManager.default.enumerator(atPath: directory) else { return ["?"] }
    return walker.compactMap { $0 as? String }.filter { name in
      guard let content = FileManager.default.contents(atPath: directory + "/" + name) else {
        return false
      }
      return content.range(of: needle) != nil
    }
  }
}
