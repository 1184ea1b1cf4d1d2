import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// Two people, every route, every id.
@Suite struct IsolationTests {
  @Test func anotherPersonsIDIsAnsweredLikeNone() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let owner = Portal(stack.address)
    _ = try await owner.signUpAndLogIn("owner")
    let config = try await owner.addKey("openai", "sk-0123456789abcdef")
    let token = try await owner.send(.POST, "/api/v1/access-tokens", json: ["name": "mine"])
    let configID = config.string("id")
    let tokenID = try #require((token.json["accessToken"] as? [String: Any])?["id"] as? String)

    let other = Portal(stack.address)
    _ = try await other.signUpAndLogIn("other")
    let none = UUID().uuidString.lowercased()
    for (id, absent) in [(configID, none)] {
      for route in ["", ":enable", ":disable"] {
        let theirs = try await other.send(
          route.isEmpty ? .GET : .POST, "/api/v1/provider-configs/\(id)\(route)")
        let missing = try await other.send(
          route.isEmpty ? .GET : .POST, "/api/v1/provider-configs/\(absent)\(route)")
        #expect(theirs.status == 404)
        #expect(missing.status == 404)
        #expect(theirs.string("detail") == missing.string("detail"))
      }
      #expect(
        try await other.send(
          .PATCH, "/api/v1/provider-configs/\(id)", json: ["apiKey": "sk-stolen-0123456789"]
        ).status == 404)
      #expect(try await other.send(.DELETE, "/api/v1/provider-configs/\(id)").status == 404)
    }
    #expect(try await other.send(.DELETE, "/api/v1/access-tokens/\(tokenID)").status == 404)
    #expect(try await other.send(.GET, "/api/v1/access-tokens").list("accessTokens").isEmpty)
    #expect(
      try await other.send(.GET, "/api/v1/provider-configs").list("providerConfigs").isEmpty)

    #expect(try await owner.send(.GET, "/api/v1/provider-configs/\(configID)").status == 200)
    // The attempts stand in the log of who made them, and nowhere as a success.
    let isAttempt = { (event: [String: Any]) in
      (event["target"] as? [String: Any])?["id"] as? String == configID
    }
    let attempts = try await other.auditEvents { $0.contains(where: isAttempt) }.filter(isAttempt)
    #expect(!attempts.isEmpty)
    #expect(attempts.allSatisfy { $0["outcome"] as? String != "SUCCESS" })
  }

  @Test func nothingWorksWithoutACredential() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let nobody = Portal(stack.address)
    let id = UUID().uuidString.lowercased()
    for path in [
      "/api/v1/me", "/api/v1/access-tokens", "/api/v1/provider-configs",
      "/api/v1/provider-configs/\(id)", "/api/v1/audit-events",
    ] {
      #expect(try await nobody.send(.GET, path).status == 401, "\(path)")
    }
  }
}
