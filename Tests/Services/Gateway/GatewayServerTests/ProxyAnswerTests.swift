import Edge
import HTTPTypes
import Hummingbird
import NIOHTTP1
import Providers
import RPC
import ServiceAPI
import Testing

@testable import GatewayServer

@Suite struct ProxyAnswerTests {
  private static let path = "/proxy/custom/lab/v1/models"

  // MARK: Addresses

  @Test(arguments: [
    "/v1/models/?a=b", "models/?a=b", "http://127.0.0.1:%PORT/v1/models/?a=b",
  ])
  func aRedirectWithinTheEndpointStaysBelowTheProxy(location: String) async throws {
    try await ProxyRun.run(
      answer: { request in
        guard request.uri.path == "/v1/models" else { return Response(status: .ok) }
        let port = request.head.authority?.split(separator: ":").last.map(String.init) ?? ""
        return Response(
          status: .temporaryRedirect,
          headers: [.location: location.replacing("%PORT", with: port)])
      },
      { gateway, upstream in
        let answer = try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
        #expect(answer.status == 307)
        #expect(answer.headers["location"] == ["/proxy/custom/lab/models/?a=b"])
        let next = try await gateway.send(
          .GET, answer.headers["location"].first ?? "", headers: [ProxyRun.bearer])
        #expect(next.status == 200)
        #expect(upstream.requests.last?.path == "/v1/models/?a=b")
        #expect(upstream.requests.last?.headers[.authorization] == "Bearer \(ProxyRun.key)")
      })
  }

  @Test func aRedirectToAnotherHostIsRefused() async throws {
    try await ProxyRun.run(
      answer: { _ in
        Response(status: .found, headers: [.location: "https://cdn.example/x?signature=abc"])
      },
      { gateway, _ in
        let answer = try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
        #expect(answer.status == 502)
        #expect(answer.headers["location"].isEmpty)
        #expect(answer.headers["x-should-retry"] == ["false"])
        #expect(answer.body.contains("https://cdn.example") && !answer.body.contains("signature"))
        // The connection goes on behind it.
        #expect(try await gateway.send(.GET, "/healthz").status == 200)
      })
  }

  @Test func anUploadGoesThroughTheProxyToo() async throws {
    try await ProxyRun.run(
      answer: { _ in
        Response(
          status: .ok,
          headers: [
            .fixed("x-goog-upload-url"): "/v1/upload?id=7", .location: "https://a.example/",
          ]
        )
      },
      { gateway, _ in
        let answer = try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
        let address = try #require(answer.headers["x-goog-upload-url"].first)
        #expect(address.hasPrefix("http://portal.example/proxy/custom/lab/upload?id=7&"))
        #expect(answer.headers["location"].isEmpty)
      })
  }

  @Test func theProvidersRequestIDIsTheClients() async throws {
    try await ProxyRun.run(
      answer: { _ in
        Response(
          status: .ok, headers: [.fixed("x-request-id"): "req_1", .fixed("request-id"): "req_2"])
      },
      { gateway, _ in
        let answer = try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
        #expect(answer.headers["x-request-id"] == ["req_1"])
        #expect(answer.headers["request-id"] == ["req_2"])
        let ours = try #require(answer.headers["x-chatelaine-request-id"].first)
        #expect(!ours.isEmpty && ours != "req_1")
        let refused = try await gateway.send(.GET, Self.path)
        #expect(
          refused.headers["x-request-id"] == refused.headers["x-chatelaine-request-id"])
      })
  }

  // MARK: Our own errors

  @Test(arguments: [
    (
      "/proxy/custom/lab/v1/models", "x-api-key", "chat_wrong", 401, "the access token is not valid"
    ),
    ("/proxy/custom/lab/v1/models", "x-api-key", "sk-1", 401, "no access token of this portal"),
    ("/proxy/nobody/v1/models", "x-api-key", FakeBackend.accessToken, 404, "'nobody'; there are"),
    (
      "/proxy/xai/v1/models", "x-api-key", FakeBackend.accessToken, 404,
      "no key for xAI is stored. Add one at http://portal.example/providers/new?provider=xai"
    ),
    (
      "/proxy/custom/other/v1/models", "x-api-key", FakeBackend.accessToken, 404,
      "/providers/new?provider=custom"
    ),
    (
      "/proxy/custom/lab", "x-api-key", FakeBackend.accessToken, 404,
      "add the path behind the label"
    ),
    ("/proxy/custom//v1/models", "x-api-key", FakeBackend.accessToken, 404, "names no endpoint"),
    ("/proxy/openai/v1/%2e%2e/x", "x-api-key", FakeBackend.accessToken, 400, "malformed"),
  ])
  func anSDKShowsTheSentence(
    path: String, name: String, value: String, status: Int, text: String
  ) async throws {
    try await ProxyRun.run { gateway, upstream in
      let answer = try await gateway.send(.GET, path, headers: [(name, value)])
      #expect(answer.status == status)
      #expect(answer.headers["content-type"] == ["application/problem+json"])
      let message = answer.body.split(separator: #""error":{"message":""#).last ?? ""
      #expect(message.contains(text), "\(answer.body)")
      #expect(answer.body.contains(#""title":"#) && answer.body.contains(#""error":{"#))
      let anthropic = try await gateway.send(
        .GET, path, headers: [(name, value), ("anthropic-version", "2023-06-01")])
      #expect(anthropic.body.hasPrefix(#"{"type":"error","#))
      #expect(upstream.requests.isEmpty)
    }
  }

  @Test(arguments: [RPCError.Code.failedPrecondition])
  func aDisabledKeyIsNotAskedForAgain(code: RPCError.Code) async throws {
    try await ProxyRun.run { gateway, upstream in
      gateway.backend.vault.on(VaultAPI.VaultMethods.resolveCredential) {
        (_: VaultAPI.ResolveCredentialRequest, _) -> VaultAPI.ResolveCredentialResponse in
        throw RPCError(code, "the configuration is disabled")
      }
      let answer = try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
      #expect(answer.status == 403)
      #expect(answer.headers["x-should-retry"] == ["false"])
      #expect(answer.body.contains("is disabled; see http://portal.example/providers"))
    }
  }

  @Test func aKeyWithoutAnEndpointIsForbiddenNotAConflict() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.store(provider: "ollama", label: "home", key: "")
      let answer = try await gateway.send(
        .GET, "/proxy/ollama/api/tags", headers: [ProxyRun.bearer])
      #expect(answer.status == 403)
      #expect(answer.headers["x-should-retry"] == ["false"])
    }
  }

  @Test func aBodyThatIsTooLargeBySizeLeavesNoReceipt() async throws {
    try await ProxyRun.run { gateway, upstream in
      let answer = try await gateway.raw(
        "POST \(Self.path) HTTP/1.1\r\nHost: a\r\nAuthorization: \(ProxyRun.bearer.1)\r\n"
          + "Content-Length: 99999999999\r\nConnection: close\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 413"))
      #expect(answer.contains("PROXY_BODY_BYTES_MAX"))
      #expect(gateway.backend.resolvedPurposes.isEmpty && upstream.requests.isEmpty)
    }
  }

  @Test(arguments: ["/openai/v1/models", "/v1/models", "/models"])
  func whatBaseAndPathShareIsSentOnce(path: String) async throws {
    try await ProxyRun.run { gateway, upstream in
      gateway.backend.store(
        provider: "azure-openai", label: "lab", key: ProxyRun.key,
        baseURL: "http://127.0.0.1:\(upstream.port)/openai/v1")
      _ = try await gateway.send(.GET, "/proxy/azure-openai\(path)", headers: [ProxyRun.bearer])
      #expect(upstream.requests.last?.path == "/openai/v1/models")
    }
  }
}
