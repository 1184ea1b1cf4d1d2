import HTTPTypes
import NIOHTTP1
import ServiceAPI
import Testing

@testable import GatewayServer

/// Access tokens that are limited to providers, models and networks, at the proxy and at the API.
@Suite struct AccessLimitTests {
  private static let chat = "/proxy/custom/lab/v1/chat/completions"
  private static let json = ("content-type", "application/json")

  private func send(
    _ gateway: TestGateway, _ body: String, path: String = chat,
    headers: [(String, String)] = [json]
  ) async throws -> TestGateway.Answer {
    try await gateway.send(.POST, path, headers: [ProxyRun.bearer] + headers, body: body)
  }

  @Test func aModelThatTheTokenIsNotForIsRefusedBeforeAKeyIsOpened() async throws {
    try await ProxyRun.run { gateway, upstream in
      gateway.backend.limit(.init(models: ["gpt-4o*"]))
      #expect(try await send(gateway, #"{"model":"gpt-4o-mini"}"#).status == 200)
      #expect(upstream.requests.map(\.body) == [#"{"model":"gpt-4o-mini"}"#])
      for body in [#"{"model":"o3"}"#, "{}", "model=gpt-4o", #"{"model":"gpt-4o","model":"o3"}"#] {
        let answer = try await send(gateway, body)
        #expect(answer.status == 403, "\(body)")
        #expect(answer.body.contains("limited to the models gpt-4o*"), "\(answer.body)")
        #expect(answer.headers["x-should-retry"] == ["false"])
      }
      #expect(try await send(gateway, #"{"model":"o3"}"#).body.contains("not 'o3'"))
      // Larger than what is looked into: nobody knows what it names further down.
      let large = #"{"model":"gpt-4o","x":""# + String(repeating: "x", count: 1 << 20) + #""}"#
      let answer = try await send(gateway, large)
      #expect(answer.status == 403)
      #expect(answer.body.contains("larger than the 1048576 bytes"))
      // A list of models opens nothing.
      let list = try await gateway.send(
        .GET, "/proxy/custom/lab/v1/models", headers: [ProxyRun.bearer])
      #expect(list.status == 200)
      #expect(upstream.requests.count == 2 && gateway.backend.resolvedPurposes.count == 2)
    }
  }

  @Test func aProviderThatTheTokenIsNotForIsRefused() async throws {
    try await ProxyRun.run { gateway, upstream in
      gateway.backend.limit(.init(providers: ["openai", "anthropic"]))
      let answer = try await send(gateway, #"{"model":"gpt-4o"}"#)
      #expect(answer.status == 403)
      #expect(answer.body.contains("limited to openai, anthropic, not custom"))
      #expect(upstream.requests.isEmpty && gateway.backend.resolvedPurposes.isEmpty)
      gateway.backend.limit(.init(providers: ["custom"]))
    }
  }

  @Test func anAddressOutsideTheTokensNetworksGetsNothing() async throws {
    try await ProxyRun.run { gateway, upstream in
      gateway.backend.limit(.init(networks: ["192.0.2.0/24"]))
      let answer = try await send(gateway, "{}")
      #expect(answer.status == 403)
      #expect(answer.body.contains("limited to other networks"))
      let api = try await gateway.send(.GET, "/api/v1/me", headers: [ProxyRun.bearer])
      #expect(api.status == 403)
      #expect(upstream.requests.isEmpty)
    }
  }

  @Test func withinItsNetworksATokenIsGoodForEverything() async throws {
    try await ProxyRun.run { gateway, upstream in
      gateway.backend.limit(.init(networks: ["127.0.0.0/8"]))
      #expect(try await send(gateway, "anything").status == 200)
      let api = try await gateway.send(.GET, "/api/v1/me", headers: [ProxyRun.bearer])
      #expect(api.status == 200)
      #expect(upstream.requests.count == 1)
    }
  }
}
