import Callers
import Edge
import HTTPTypes
import NIOHTTP1
import Providers
import RPC
import Testing

@testable import GatewayServer

@Suite struct ProxyCredentialTests {
  private static let token = FakeBackend.accessToken
  private static let path = "/proxy/custom/lab/v1/models"

  /// Whether anything that the upstream got holds the token.
  private func isLeaked(_ upstream: TestUpstream) -> Bool {
    upstream.requests.contains { request in
      request.path.contains(Self.token)
        || request.headers.contains { $0.value.contains(Self.token) }
    }
  }

  @Test(arguments: [
    [("authorization", "Bearer sk-ant-oat01-aaaa"), ("x-api-key", token)],
    [("x-api-key", "dummy"), ("x-goog-api-key", token)], [("helicone-auth", "Bearer \(token)")],
    [("sec-websocket-protocol", "realtime, openai-insecure-api-key.\(token)")],
    [("authorization", "Bearer \(token)"), ("ocp-apim-subscription-key", token)],
  ])
  func theTokenIsFoundInAnyHeaderAndPassedOnInNone(headers: [(String, String)]) async throws {
    try await ProxyRun.run { gateway, upstream in
      #expect(try await gateway.send(.GET, Self.path, headers: headers).status == 200)
      let received = try #require(upstream.requests.first)
      #expect(received.headers[.authorization] == "Bearer \(ProxyRun.key)")
      #expect(!received.headers.contains { $0.value.contains("sk-ant-oat01") })
      #expect(!isLeaked(upstream))
    }
  }

  @Test func googlesKeyInTheQueryIsTakenOut() async throws {
    try await ProxyRun.run { gateway, upstream in
      let path = Self.path + "?alt=sse&key=\(Self.token)"
      #expect(try await gateway.send(.GET, path).status == 200)
      #expect(try await gateway.send(.GET, path, headers: [ProxyRun.bearer]).status == 200)
      #expect(upstream.requests.map(\.path) == Array(repeating: "/v1/models?alt=sse", count: 2))
      // A link to a page, in a browser.
      let page = try await gateway.send(.GET, path, headers: [("sec-fetch-mode", "navigate")])
      #expect(page.status == 400)
      #expect(upstream.requests.count == 2 && gateway.backend.resolvedPurposes.count == 2)
    }
  }

  @Test(arguments: [
    "/proxy/custom/lab/v1/x/\(token)", "/proxy/custom/\(token)/v1/x", "/proxy/\(token)/v1/x",
    "/proxy/custom/lab/v1/x?token=\(token)", "/proxy/custom/lab/v1/x?a=b&api-key=\(token)",
    "/proxy/custom/lab/v1/x?apikey=chat%5Faccess-token-of-someone",
    "/proxy/custom/lab/v1/x%2F\(token)",
  ])
  func inAnyOtherPlaceOfTheAddressTheTokenIsRefusedAndNotWrittenDown(path: String) async throws {
    try await ProxyRun.run { gateway, upstream in
      let answer = try await gateway.send(.GET, path, headers: [ProxyRun.bearer])
      #expect(answer.status == 400)
      #expect(!answer.body.contains(Self.token))
      #expect(gateway.backend.resolvedPurposes.isEmpty && upstream.requests.isEmpty)
      #expect(gateway.backend.auth.calls.isEmpty)
    }
  }

  @Test func aTokenInTheNameOfTheProgramStaysOutOfTheReceipt() async throws {
    try await ProxyRun.run { gateway, upstream in
      let token = "chat_" + String(repeating: "A", count: 43)
      _ = try await gateway.send(
        .GET, Self.path, headers: [ProxyRun.bearer, ("user-agent", "sdk/\(token)")])
      let call = try #require(gateway.backend.vault.calls.last)
      #expect(call.metadata.bytes(CallMetadata.userAgent) == Array("sdk/chat_…".utf8))
      #expect(upstream.requests.last?.headers.contains { $0.value.contains(token) } == false)
    }
  }

  @Test func aQueryIsPassedOnUndecoded() async throws {
    try await ProxyRun.run { gateway, upstream in
      for query in ["text=a%0Ab", "q=%FF&r=100%25", "key=user-42"] {
        let path = Self.path + "?" + query
        let answer = try await gateway.send(.GET, path, headers: [ProxyRun.bearer])
        #expect(answer.status == 200)
        #expect(upstream.requests.last?.path == "/v1/models?" + query)
      }
    }
  }

  @Test func aRequestThatComesBackIsEndedBeforeASecondReceipt() async throws {
    try await ProxyRun.run { gateway, upstream in
      #expect(try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer]).status == 200)
      let via = try #require(upstream.requests.first?.headers[values: .fixed("via")].first)
      let again = try await gateway.send(
        .GET, Self.path, headers: [ProxyRun.bearer, ("via", "1.0 fred, \(via)")])
      #expect(again.status == 508)
      #expect(gateway.backend.resolvedPurposes.count == 1 && upstream.requests.count == 1)
    }
  }

  @Test func anEndpointThatIsThePortalIsALoop() async throws {
    try await TestUpstream.run(ProxyRun.ok) { upstream in
      let origin = "http://127.0.0.1:\(upstream.port)"
      try await TestGateway.run(publicOrigin: origin, allowing: ["127.0.0.1:\(upstream.port)"]) {
        gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: ProxyRun.key, baseURL: origin + "/proxy/openai")
        let answer = try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
        #expect(answer.status == 508)
        #expect(upstream.requests.isEmpty)
      }
    }
  }

  @Test func aClientsNeighboursAreNotTheProvidersBusiness() async throws {
    try await ProxyRun.run { gateway, upstream in
      _ = try await gateway.send(
        .GET, Self.path,
        headers: [
          ProxyRun.bearer, ("fastly-client-ip", "203.0.113.9"), ("x-client-ip", "203.0.113.9"),
          ("x-auth-request-email", "a@example.org"), ("x-request-id", "mine-1"),
        ])
      let received = try #require(upstream.requests.first).headers
      #expect(!received.contains { ["203.0.113.9", "a@example.org"].contains($0.value) })
      #expect(received.contains { $0.value == "mine-1" })
    }
  }
}
