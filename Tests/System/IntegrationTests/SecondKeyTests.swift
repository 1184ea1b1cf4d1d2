import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// A key replaced without a gap: requests go on while the provider refuses one of two keys.
@Suite struct SecondKeyTests {
  private static let configs = "/api/v1/provider-configs"

  private struct Fixture {
    let portal: Portal
    let program: Portal
    let upstream: UpstreamServer
    let id: String
    let path: String
    let old = "sk-old-\(UUID().uuidString)"
    let new = "sk-new-\(UUID().uuidString)"

    init() async throws {
      let (stack, upstream) = try await SharedStack.shared.get()
      self.upstream = upstream
      portal = Portal(stack.address)
      _ = try await portal.signUpAndLogIn()
      let added = try await portal.addKey(
        "custom", old, label: "local", baseURL: "http://\(upstream.authority)/v1")
      id = added.string("id")
      path = "\(SecondKeyTests.configs)/\(id)"
      program = Portal(stack.address, bearer: try await portal.accessToken())
    }

    func use(_ body: [String: Any]? = nil) async throws -> Int {
      let answer =
        try await body == nil
        ? program.send(.GET, "/proxy/custom/local/v1/models")
        : program.send(.POST, "/proxy/custom/local/v1/chat/completions", json: body)
      return answer.status
    }

    func count(_ key: String) -> Int {
      upstream.authorizations.count { $0 == "Bearer \(key)" }
    }
  }

  @Test func requestsGoOnWhileTheProviderRefusesOneOfTwoKeys() async throws {
    let fixture = try await Fixture()
    let (portal, upstream) = (fixture.portal, fixture.upstream)
    let staged = try await portal.send(
      .POST, "\(fixture.path):stage", json: ["apiKey": fixture.new, "storeAnyway": true])
    #expect(staged.status == 200, "\(staged.text)")
    #expect((staged.json["secondKey"] as? [String: Any])?["role"] as? String == "NEXT")
    #expect(!staged.text.contains(fixture.new))
    #expect(try await fixture.use() == 200)
    #expect((fixture.count(fixture.old), fixture.count(fixture.new)) == (1, 0))

    // The provider has ended the old key: the same request succeeds with the new one.
    upstream.refuse(fixture.old)
    #expect(try await fixture.use(["model": "m", "messages": []]) == 200)
    #expect((fixture.count(fixture.old), fixture.count(fixture.new)) == (2, 1))
    let events = try await portal.auditEvents("action=credential.*") { events in
      events.count { $0["action"] as? String == "credential.use" } == 3
    }
    let resolves = events.filter { $0["action"] as? String == "credential.resolve" }
    let details = resolves.compactMap { $0["details"] as? [String: Any] }
    #expect(details.count { $0["fallback"] as? Bool == true } == 1)
    #expect(Set(details.compactMap { $0["keyVersion"] as? Int }).count == 2)
    // For a while nobody asks with the old one.
    #expect(try await fixture.use() == 200)
    #expect(fixture.count(fixture.old) == 2)
    #expect(try await portal.send(.GET, fixture.path).string("fallbackTime") != "")

    let switched = try await portal.send(
      .POST, "\(fixture.path):switch", json: ["overlap": "3600s"])
    #expect(switched.status == 200, "\(switched.text)")
    #expect((switched.json["secondKey"] as? [String: Any])?["role"] as? String == "PREVIOUS")
    #expect(try await fixture.use() == 200)
    let dropped = try await portal.send(.POST, "\(fixture.path):dropSecondKey", json: [:])
    #expect(dropped.json["secondKey"] == nil)
    upstream.refuse(fixture.new)
    #expect(try await fixture.use() == 401)
    #expect(fixture.count(fixture.old) == 2)
  }

  @Test func aRefusalOfBothKeysIsTheProvidersOwnAnswer() async throws {
    let fixture = try await Fixture()
    _ = try await fixture.portal.send(
      .POST, "\(fixture.path):stage", json: ["apiKey": fixture.new, "storeAnyway": true])
    fixture.upstream.refuse(fixture.old)
    fixture.upstream.refuse(fixture.new)
    let answer = try await fixture.program.send(.GET, "/proxy/custom/local/v1/models")
    #expect(answer.status == 401)
    #expect(answer.text.contains("Incorrect API key provided"))
    #expect((fixture.count(fixture.old), fixture.count(fixture.new)) == (1, 1))
  }

  @Test func thePageWalksThroughAReplacement() async throws {
    let fixture = try await Fixture()
    let portal = fixture.portal
    let address = "/providers/\(fixture.id)/replace"
    func hidden(_ name: String, in page: Portal.Answer) throws -> String {
      let pattern = try Regex("name=\"\(name)\" value=\"([^\"]*)\"")
      return String(try #require(page.text.firstMatch(of: pattern)?[1].substring))
    }
    func post(_ act: String, _ fields: [String: String] = [:]) async throws -> Portal.Answer {
      let page = try await portal.send(.GET, address)
      #expect(page.status == 200)
      let form = ["csrf": try hidden("csrf", in: page), "etag": try hidden("etag", in: page)]
      return try await portal.send(
        .POST, "\(address)/\(act)", form: form.merging(fields) { $1 })
    }
    let empty = try await post("stage")
    #expect(empty.status == 422)
    let doubtful = try await post("stage", ["apiKey": "your-key-here"])
    #expect([303, 422].contains(doubtful.status))
    if doubtful.status == 303 { #expect(try await post("drop").status == 303) }
    #expect(try await post("stage", ["apiKey": fixture.new, "act": "anyway"]).status == 303)
    let tested = try await post("test")
    #expect(tested.status == 303, "\(tested.text)")
    #expect(fixture.count(fixture.new) <= 1)
    #expect(try await post("switch", ["overlap": "3600"]).status == 303)
    let after = try await portal.send(.GET, address)
    #expect(after.text.contains("The previous key still works"))
    #expect(!after.text.contains(fixture.new) && !after.text.contains(fixture.old))
    #expect(try await fixture.use() == 200)
    #expect(fixture.upstream.authorizations.last { $0.contains("sk-") } != nil)
    #expect(try await post("drop").status == 303)
    #expect(try await portal.send(.GET, fixture.path).json["secondKey"] == nil)
  }
}
