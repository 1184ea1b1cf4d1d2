import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// Limits, rotation and derivation of access tokens, through all of the product.
@Suite(.timeLimit(.minutes(5))) struct AccessTokenLifeTests {
  private static let chat = "/proxy/custom/local/v1/chat/completions"

  private func begin() async throws -> (address: String, owner: Portal) {
    let (stack, upstream) = try await SharedStack.shared.get()
    let owner = Portal(stack.address)
    _ = try await owner.signUpAndLogIn()
    for label in ["local", "other"] {
      let added = try await owner.addKey(
        "custom", "sk-0123456789abcdef", label: label, baseURL: "http://\(upstream.authority)/v1")
      #expect(added.status == 201, "\(added.text)")
    }
    return (stack.address, owner)
  }

  private func create(
    _ owner: Portal, _ limits: [String: Any], scopes: [String] = ["USE"]
  ) async throws -> (id: String, program: Portal) {
    let answer = try await owner.send(
      .POST, "/api/v1/access-tokens", json: ["name": "ci", "scopes": scopes, "limits": limits])
    let token = answer.json["accessToken"] as? [String: Any]
    return (
      try #require(token?["id"] as? String, "\(answer.text)"),
      Portal(owner.address, bearer: answer.string("token"))
    )
  }

  private func ask(_ program: Portal, _ model: String = "gpt-4o") async throws -> Portal.Answer {
    try await program.send(.POST, Self.chat, json: ["model": model])
  }

  @Test func aTokenUsesWhatItIsLimitedToAndNothingElse() async throws {
    let (_, owner) = try await begin()
    let (_, program) = try await create(
      owner, ["providers": ["custom"], "labels": ["local"], "models": ["gpt-4*"]])
    #expect(try await ask(program).status == 200)
    let model = try await ask(program, "o3")
    #expect(model.status == 403 && model.text.contains("limited to the models gpt-4*"))
    // The vault holds to labels itself, and says so in the log.
    let label = try await program.send(
      .POST, "/proxy/custom/other/v1/chat/completions", json: ["model": "gpt-4o"])
    #expect(label.status == 403, "\(label.text)")
    #expect(label.text.contains("limited to keys with other labels"))
    let events = try await owner.auditEvents("outcome=DENIED&pageSize=50") { !$0.isEmpty }
    let reasons = events.compactMap { ($0["details"] as? [String: Any])?["reason"] as? String }
    #expect(reasons == ["label-not-allowed"])

    let (_, elsewhere) = try await create(owner, ["networks": ["192.0.2.0/24"]])
    #expect(try await ask(elsewhere).status == 403)
    #expect(try await elsewhere.send(.GET, "/api/v1/me").status == 403)
    let (_, here) = try await create(owner, ["networks": ["127.0.0.0/8", "::1"]])
    #expect(try await ask(here).status == 200)
  }

  @Test func aDerivedTokenWorksAndEndsWithItsParent() async throws {
    let (address, owner) = try await begin()
    let (id, program) = try await create(owner, ["providers": ["custom"]])
    let derived = try await program.send(
      .POST, "/api/v1/access-tokens:derive", json: ["limits": ["models": ["gpt-4o"]]])
    #expect(derived.status == 200, "\(derived.text)")
    let child = Portal(address, bearer: derived.string("token"))
    #expect(try await ask(child).status == 200)
    #expect(try await ask(child, "o3").status == 403)
    let wider = try await program.send(
      .POST, "/api/v1/access-tokens:derive", json: ["limits": ["providers": ["openai"]]])
    #expect(wider.status == 403, "\(wider.text)")
    #expect(try await owner.send(.DELETE, "/api/v1/access-tokens/\(id)").status == 204)
    // The gateway takes neither on trust any more.
    for portal in [program, child] {
      try await eventually("it is refused") { try await ask(portal).status == 401 }
    }
  }

  @Test func bothSecretsOfARotatedTokenWorkUntilTheOldOneIsEnded() async throws {
    let (address, owner) = try await begin()
    let (id, program) = try await create(owner, [:])
    #expect(try await ask(program).status == 200)
    let rotated = try await owner.send(.POST, "/api/v1/access-tokens/\(id):rotate", json: [:])
    #expect(rotated.status == 200, "\(rotated.text)")
    let renewed = Portal(address, bearer: rotated.string("token"))
    for portal in [program, renewed] {
      let answer = try await ask(portal)
      #expect(answer.status == 200, "\(answer.status) \(answer.text)")
    }
    let again = try await owner.send(
      .POST, "/api/v1/access-tokens/\(id):rotate", json: ["overlap": "0s"])
    #expect(again.status == 200, "\(again.text)")
    for portal in [program, renewed] {
      try await eventually("it is refused") { try await ask(portal).status == 401 }
    }
    let last = Portal(address, bearer: again.string("token"))
    #expect(try await ask(last).status == 200)
  }
}
