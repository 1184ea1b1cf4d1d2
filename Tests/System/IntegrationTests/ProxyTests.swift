import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// SDKs through the proxy, against an upstream that says which key it was shown.
@Suite struct ProxyTests {
  @Test(arguments: ["openai", "custom"])
  func theOpenAISDKWorksUnmodified(provider: String) async throws {
    let (stack, upstream) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    let key = "sk-upstream-\(UUID().uuidString)"
    let label = provider == "custom" ? "local" : nil
    let added = try await portal.addKey(
      provider, key, label: label, baseURL: "http://\(upstream.authority)/v1")
    #expect(added.status == 201, "\(added.text)")
    let token = try await portal.accessToken()

    let path = provider == "custom" ? "custom/local" : provider
    let result = try await runPython(
      "openai_through_proxy",
      ["\(stack.address)/proxy/\(path)/v1", token, "http://\(upstream.authority)"])
    #expect(result["plain"] as? String == "hello from upstream")
    #expect(result["models"] as? [String] == ["test-model"])
    #expect(result["chunks"] as? [String] == ["first", "second"])

    let seen = upstream.authorizations.filter { $0 == "Bearer \(key)" }
    #expect(seen.count == 3)
    #expect(!upstream.authorizations.contains { $0.contains(token) })

    let uses = try await portal.auditEvents("action=credential.resolve") { $0.count == 3 }
    #expect(uses.count == 3)
    let ends = try await portal.auditEvents("action=credential.use") { $0.count == 3 }
    let details = ends.compactMap { $0["details"] as? [String: Any] }
    #expect(details.allSatisfy { $0["status"] as? Int == 200 })
    #expect(
      Set(details.compactMap { $0["resolve"] as? String })
        == Set(uses.compactMap { $0["id"] as? String }))
    let page = try await portal.send(.GET, "/audit?action=credential.use")
    #expect(page.text.contains("200 · "))
    let listed = try await portal.send(.GET, "/api/v1/provider-configs").list("providerConfigs")
    #expect(listed.first?["lastUseTime"] != nil)
    let health = listed.first?["health"] as? [String: Any]
    #expect(health?["lastStatus"] as? Int == 200)
  }

  @Test func anotherUsersTokenNeverReachesTheUpstream() async throws {
    let (stack, upstream) = try await SharedStack.shared.get()
    let owner = Portal(stack.address)
    _ = try await owner.signUpAndLogIn("owner")
    let key = "sk-owner-\(UUID().uuidString)"
    _ = try await owner.addKey(
      "custom", key, label: "local", baseURL: "http://\(upstream.authority)/v1")

    let other = Portal(stack.address)
    _ = try await other.signUpAndLogIn("other")
    let program = Portal(stack.address, bearer: try await other.accessToken())
    let answer = try await program.send(
      .POST, "/proxy/custom/local/v1/chat/completions", json: ["model": "m", "messages": []])
    #expect(answer.status == 404, "\(answer.text)")
    #expect(!upstream.authorizations.contains { $0.contains(key) })
  }

  @Test func refusesWithoutATokenWithAWrongOneAndWithARevokedOne() async throws {
    let (stack, upstream) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    let key = "sk-revoked-\(UUID().uuidString)"
    _ = try await portal.addKey(
      "custom", key, label: "local", baseURL: "http://\(upstream.authority)/v1")
    let token = try await portal.accessToken()
    let tokens = try await portal.send(.GET, "/api/v1/access-tokens").list("accessTokens")
    let id = try #require(tokens.first?["id"] as? String)
    #expect(
      (200...204).contains(try await portal.send(.DELETE, "/api/v1/access-tokens/\(id)").status))

    for bearer in [nil, "", "wrong", token] as [String?] {
      let program = Portal(stack.address, bearer: bearer)
      let answer = try await program.send(.GET, "/proxy/custom/local/v1/models")
      #expect(answer.status == 401, "\(answer.text)")
    }
    #expect(!upstream.authorizations.contains { $0.contains(key) })
  }

  @Test func aDisabledKeyIsNotUsed() async throws {
    let (stack, upstream) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    let key = "sk-disabled-\(UUID().uuidString)"
    let added = try await portal.addKey(
      "custom", key, label: "local", baseURL: "http://\(upstream.authority)/v1")
    let program = Portal(stack.address, bearer: try await portal.accessToken())
    let path = "/api/v1/provider-configs/\(added.string("id"))"
    #expect(try await portal.send(.POST, path + ":disable").status == 200)
    #expect(
      (400...409).contains(try await program.send(.GET, "/proxy/custom/local/v1/models").status))
    #expect(!upstream.authorizations.contains { $0.contains(key) })
    #expect(try await portal.send(.POST, path + ":enable").status == 200)
    #expect(try await program.send(.GET, "/proxy/custom/local/v1/models").status == 200)
    #expect(upstream.authorizations.contains("Bearer \(key)"))
  }

  @Test func redirectsOfTheUpstreamAreNotFollowed() async throws {
    let (stack, upstream) = try await SharedStack.shared.get()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    _ = try await portal.addKey(
      "custom", "sk-redirect-0123456789", label: "local",
      baseURL: "http://\(upstream.authority)/v1")
    let program = Portal(stack.address, bearer: try await portal.accessToken())
    let answer = try await program.send(.GET, "/proxy/custom/local/v1/redirect")
    #expect([302, 502].contains(answer.status))
  }
}

/// Runs a script of Python/ beside this file and returns the JSON object it printed last.
func runPython(_ script: String, _ arguments: [String]) async throws -> [String: Any] {
  let (exit, output) = try await Python.run(pythonScript(script), arguments)
  #expect(exit == .code(0), "\(script): \(output)")
  let last = output.split(separator: "\n").last.map(String.init) ?? ""
  return try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any] ?? [:]
}

/// The path of a script of Python/ beside this file.
func pythonScript(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Python/\(name).py").path
}
