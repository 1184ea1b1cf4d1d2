import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Protobuf
import ServiceAPI
import Testing

@testable import GatewayServer

/// `POST /api/v1/provider-configs/{id}:test` and `POST /api/v1/provider-configs:test`.
@Suite(.timeLimit(.minutes(1))) struct KeyTestTests {
  private static let stored = "/api/v1/provider-configs/00000000-0000-4000-8000-000000000001:test"
  private static let unstored = "/api/v1/provider-configs:test"

  private static let models: TestUpstream.Answer = { request in
    guard request.headers[.authorization] == "Bearer \(ProxyRun.key)" else {
      return Response(
        status: .unauthorized,
        body: .init(byteBuffer: ByteBuffer(string: #"{"error":{"message":"no such key"}}"#)))
    }
    return Response(
      status: .ok,
      body: .init(byteBuffer: ByteBuffer(string: #"{"data":[{"id":"a"},{"id":"b"}]}"#)))
  }

  private func test(
    _ gateway: TestGateway, _ path: String = stored, _ body: String = ""
  ) async throws -> (GatewayAPI.KeyTest, TestGateway.Answer) {
    let answer = try await gateway.json(.POST, path, headers: [ProxyRun.bearer], body)
    guard answer.status == 200 else { return (GatewayAPI.KeyTest(), answer) }
    return (try GatewayAPI.KeyTest(json: Array(answer.body.utf8)), answer)
  }

  @Test func aStoredKeyThatWorksSaysSoAndTellsTheVault() async throws {
    try await ProxyRun.run(answer: Self.models) { gateway, upstream in
      let (result, _) = try await test(gateway)
      #expect(result.outcome == .works)
      #expect(result.modelCount == 2)
      #expect(result.message == "The endpoint takes the key: 2 models.")
      #expect(upstream.requests.map(\.path) == ["/v1/models"])
      // Before the answer, so that what is read next is the key's new health.
      #expect(gateway.backend.uses.map(\.status) == [200])
      #expect(gateway.backend.uses.first?.useTicket == Array("ticket 1".utf8))
    }
  }

  @Test func aRefusedKeyIsAnAnswerAndNoError() async throws {
    try await ProxyRun.run { _ in
      Response(
        status: .unauthorized,
        body: .init(
          byteBuffer: ByteBuffer(string: #"{"error":{"message":"no key \#(ProxyRun.key)"}}"#)))
    } _: { gateway, _ in
      let (result, answer) = try await test(gateway)
      #expect(result.outcome == .refused)
      #expect(result.status == 401)
      #expect(result.providerMessage == "no key …")
      #expect(!answer.body.contains(ProxyRun.key))
      #expect(gateway.backend.uses.map(\.status) == [401])
    }
  }

  @Test func aKeyThatIsNotStoredIsTestedWhereItSays() async throws {
    try await ProxyRun.run(answer: Self.models) { gateway, upstream in
      func test(_ key: String) async throws -> GatewayAPI.KeyTest {
        try await self.test(
          gateway, Self.unstored,
          #"{"provider":"custom","apiKey":"\#(key)","#
            + #""baseUrl":"http://127.0.0.1:\#(upstream.port)"}"#
        ).0
      }
      let right = try await test(ProxyRun.key)
      let wrong = try await test("another-key")
      #expect(right.outcome == .works && wrong.outcome == .refused)
    }
  }

  @Test func anEndpointThatTheProxyWouldNotCallIsNotCalled() async throws {
    try await TestGateway.run { gateway in
      let (result, _) = try await test(
        gateway, Self.unstored,
        #"{"provider":"custom","apiKey":"k","baseUrl":"https://169.254.169.254/v1"}"#)
      #expect(result.outcome == .unreachable)
      #expect(gateway.backend.uses.map(\.failure) == [.notSent])
    }
  }

  @Test func anEndpointWhereNobodyListensIsUnreachable() async throws {
    let port = try await TestUpstream.run(ProxyRun.ok) { $0.port }
    try await TestGateway.run(allowing: ["127.0.0.1:\(port)"]) { gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "k", baseURL: "http://127.0.0.1:\(port)")
      let (result, _) = try await test(gateway)
      #expect(result.outcome == .unreachable)
      #expect(result.message.contains("refused"))
      #expect(gateway.backend.uses.map(\.failure) == [.unreachable])
    }
  }

  @Test func aProviderWithoutACheapCallIsNotTestable() async throws {
    try await TestGateway.run { gateway in
      let (result, _) = try await test(
        gateway, Self.unstored, #"{"provider":"jina","apiKey":"jina_0a1b2c"}"#)
      #expect(result.outcome == .notTestable)
      #expect(gateway.backend.uses.isEmpty)
    }
  }

  @Test func whoeverTestsTooOftenHasToWait() async throws {
    try await ProxyRun.run(answer: Self.models) { gateway, _ in
      var status = 200
      for _ in 0..<60 where status == 200 { status = try await test(gateway).1.status }
      #expect(status == 429)
      let (_, answer) = try await test(gateway)
      #expect(answer.headers.first(name: "retry-after") != nil)
    }
  }

  @Test(arguments: [
    (unstored, #"{"apiKey":"k","nonesuch":1}"#, 400), (unstored, "[]", 400), (unstored, "", 400),
    (stored, #"{"id":"another"}"#, 400), ("/api/v1/provider-configs/nobody:test", "", 404),
  ])
  func badRequestsAreRefused(_ row: (path: String, body: String, status: Int)) async throws {
    try await ProxyRun.run(answer: Self.models) { gateway, upstream in
      let (_, answer) = try await test(gateway, row.path, row.body)
      #expect(answer.status == row.status)
      #expect(upstream.requests.isEmpty)
    }
  }

  @Test func nobodyTestsWithoutACredential() async throws {
    try await ProxyRun.run(answer: Self.models) { gateway, upstream in
      for path in [Self.stored, Self.unstored] {
        let answer = try await gateway.json(.POST, path, "{}")
        #expect(answer.status == 401)
      }
      #expect(upstream.requests.isEmpty)
    }
  }
}
