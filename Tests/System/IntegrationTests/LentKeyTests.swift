import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// The operator's own key, lent to who has none: a stack of its own, whose environment has one.
@Suite struct LentKeyTests {
  @Test func aLentKeyIsUsedWithoutAKeyOfOnesOwnAndNeverAtAnEndpointOfOnesOwn() async throws {
    let upstream = try await UpstreamServer.start()
    let lent = "sk-lent-\(UUID().uuidString)"
    let stack = try await RunningStack.start(environment: [
      "CHATELAINE_ENV_FALLBACK": "openai", "OPENAI_API_KEY": lent,
      "CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority,
    ])
    do {
      let portal = Portal(stack.address)
      _ = try await portal.signUpAndLogIn()
      let program = Portal(stack.address, bearer: try await portal.accessToken())
      #expect(try await portal.send(.GET, "/providers").text.contains("lends a key for: OpenAI"))
      // The provider itself is out of reach here; that its key was opened stands in the log.
      _ = try await program.send(.GET, "/proxy/openai/v1/models")
      let events = try await portal.auditEvents("action=credential.resolve") { $0.count == 1 }
      let details = try #require(events.first?["details"] as? [String: Any])
      #expect(details["operatorKey"] as? Bool == true)
      #expect(details["origin"] as? String == "https://api.openai.com:443")

      let own = "sk-own-\(UUID().uuidString)"
      let added = try await portal.addKey(
        "openai", own, label: "mine", baseURL: "http://\(upstream.authority)/v1")
      #expect(added.status == 201, "\(added.text)")
      #expect(try await program.send(.GET, "/proxy/openai/v1/models").status == 200)
      let path = "/api/v1/provider-configs/\(added.string("id"))"
      #expect(try await portal.send(.POST, "\(path):disable").status == 200)
      #expect(try await program.send(.GET, "/proxy/openai/v1/models").status == 403)
      #expect(upstream.authorizations.contains("Bearer \(own)"))
      #expect(!upstream.authorizations.contains { $0.contains(lent) })
      #expect(!(try await portal.send(.GET, "/providers").text.contains("lends a key")))
      #expect(!(try await portal.send(.GET, "/api/v1/provider-configs").text.contains(lent)))
    } catch {
      await stack.stopAndRemove()
      throw error
    }
    await stack.stopAndRemove()
  }
}
