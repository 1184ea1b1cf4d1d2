import Egress
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import GatewayServer

@Suite struct ProxyTests {
  private static let bearer = ("authorization", "Bearer \(FakeBackend.accessToken)")
  private static let path = "/proxy/custom/lab/v1/chat/completions"

  /// A gateway whose user has a custom endpoint at an upstream.
  private func run(
    limits: UpstreamLimits = UpstreamLimits(), answer: @escaping TestUpstream.Answer,
    _ body: @escaping @Sendable (TestGateway, TestUpstream) async throws -> Void
  ) async throws {
    try await TestUpstream.run(answer) { upstream in
      try await TestGateway.run(allowing: ["127.0.0.1:\(upstream.port)"], limits: limits) {
        gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: "upstream-key",
          baseURL: "http://127.0.0.1:\(upstream.port)/v1")
        try await body(gateway, upstream)
      }
    }
  }

  private static let ok: TestUpstream.Answer = { _ in
    Response(
      status: .ok, headers: [.contentType: "application/json", .setCookie: "a=b"],
      body: .init(byteBuffer: ByteBuffer(string: #"{"ok":true}"#)))
  }

  @Test func theKeyIsPutInAndTheTokenTakenOut() async throws {
    try await run(answer: Self.ok) { gateway, upstream in
      let answer = try await gateway.json(
        .POST, Self.path + "?stream=false", headers: [Self.bearer, ("cookie", "a=b")],
        #"{"model":"m"}"#)
      #expect(answer.status == 200)
      #expect(answer.body == #"{"ok":true}"#)
      #expect(answer.headers["set-cookie"].isEmpty)
      let received = try #require(upstream.requests.first)
      #expect(received.method == "POST")
      #expect(received.path == "/v1/chat/completions?stream=false")
      #expect(received.headers[.authorization] == "Bearer upstream-key")
      #expect(received.headers[.cookie] == nil)
      #expect(received.body == #"{"model":"m"}"#)
      #expect(gateway.backend.resolvedPurposes == ["POST /v1/chat/completions"])
    }
  }

  @Test func withoutAValidTokenNothingIsResolvedOrSent() async throws {
    try await run(answer: Self.ok) { gateway, upstream in
      let without = try await gateway.json(.POST, Self.path, "{}")
      #expect(without.status == 401)
      let wrong = try await gateway.json(.POST, Self.path, headers: [("x-api-key", "wrong")], "{}")
      #expect(wrong.status == 401)
      let cookie = ("cookie", "chatelaine-session=\(FakeBackend.sessionToken)")
      let byCookie = try await gateway.json(.POST, Self.path, headers: [cookie], "{}")
      #expect(byCookie.status == 401)
      #expect(gateway.backend.resolvedPurposes.isEmpty)
      #expect(upstream.requests.isEmpty)
    }
  }

  @Test func anUnknownProviderOrLabelIsNotFound() async throws {
    try await run(answer: Self.ok) { gateway, _ in
      let provider = try await gateway.send(.GET, "/proxy/nobody/v1/x", headers: [Self.bearer])
      #expect(provider.status == 404)
      let label = try await gateway.send(
        .GET, "/proxy/custom/other/v1/x", headers: [Self.bearer])
      #expect(label.status == 404)
    }
  }

  @Test func theProvidersStatusPassesThrough() async throws {
    try await run(
      answer: { _ in
        Response(
          status: .tooManyRequests, headers: [.contentType: "application/json"],
          body: .init(byteBuffer: ByteBuffer(string: #"{"error":"slow down"}"#)))
      },
      { gateway, _ in
        let answer = try await gateway.json(.POST, Self.path, headers: [Self.bearer], "{}")
        #expect(answer.status == 429)
        #expect(answer.body.contains("slow down"))
        #expect(answer.headers["content-security-policy"].count == 1)
      })
  }

  @Test func aRedirectIsNotFollowed() async throws {
    try await run(
      answer: { _ in
        Response(status: .temporaryRedirect, headers: [.location: "http://127.0.0.1:1/"])
      },
      { gateway, upstream in
        let answer = try await gateway.json(.POST, Self.path, headers: [Self.bearer], "{}")
        #expect(answer.status == 502)
        #expect(upstream.requests.count == 1)
      })
  }

  @Test func anEndpointThatIsNotThereIsABadGatewayWithoutTheKey() async throws {
    let port = try await TestUpstream.run(Self.ok) { $0.port }
    try await TestGateway.run(allowing: ["127.0.0.1:\(port)"]) { gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "upstream-key", baseURL: "http://127.0.0.1:\(port)")
      let answer = try await gateway.json(.POST, Self.path, headers: [Self.bearer], "{}")
      #expect(answer.status == 502)
      #expect(!answer.body.contains("upstream-key"))
    }
  }

  @Test func anEndpointThatIsNoLongerAllowedIsRefusedAtUse() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "upstream-key", baseURL: "https://10.0.0.1/v1")
      let answer = try await gateway.json(.POST, Self.path, headers: [Self.bearer], "{}")
      #expect(answer.status == 403)
      #expect(answer.body.contains("a private address"))
    }
  }

  @Test func piecesArriveAsTheProviderSendsThem() async throws {
    let (gates, gate) = AsyncStream.makeStream(of: Void.self)
    try await run(
      answer: { _ in
        Response(
          status: .ok, headers: [.contentType: "text/event-stream"],
          body: ResponseBody { writer in
            try await writer.write(ByteBuffer(string: "data: 1\n\n"))
            // The second piece is only sent when the client has read the first.
            _ = await gates.first { _ in true }
            try await writer.write(ByteBuffer(string: "data: 2\n\n"))
            try await writer.finish(nil)
          })
      },
      { gateway, _ in
        let response = try await gateway.open(
          .POST, Self.path, headers: [Self.bearer, ("content-type", "application/json")],
          body: .bytes(ByteBuffer(string: "{}")))
        #expect(response.headers["content-type"] == ["text/event-stream"])
        var pieces = response.body.makeAsyncIterator()
        #expect(try await pieces.next().map { String(buffer: $0) } == "data: 1\n\n")
        gate.yield()
        #expect(try await pieces.next().map { String(buffer: $0) } == "data: 2\n\n")
        #expect(try await pieces.next() == nil)
      })
  }

  @Test func aLargeBodyIsPassedOnAsItArrives() async throws {
    let size = UpstreamLimits.bufferedBytesMax * 4
    try await run(answer: Self.ok) { gateway, upstream in
      let body = String(repeating: "a", count: size)
      let answer = try await gateway.json(.POST, Self.path, headers: [Self.bearer], body)
      #expect(answer.status == 200)
      #expect(upstream.requests.first?.body.utf8.count == size)
      // The connection goes on afterwards.
      #expect(try await gateway.send(.GET, "/healthz").status == 200)
    }
  }

  @Test func aLargeBodyForNobodyIsDroppedAndTheConnectionGoesOn() async throws {
    let port = try await TestUpstream.run(Self.ok) { $0.port }
    let size = UpstreamLimits.bufferedBytesMax * 4
    try await TestGateway.run(allowing: ["127.0.0.1:\(port)"]) { gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "upstream-key", baseURL: "http://127.0.0.1:\(port)")
      let body = String(repeating: "a", count: size)
      let answer = try await gateway.json(.POST, Self.path, headers: [Self.bearer], body)
      #expect(answer.status == 502)
      let next = try await gateway.send(.GET, "/healthz")
      #expect(next.status == 200)
    }
  }

  @Test func anAnswerBeforeTheBodysEndIsPassedOn() async throws {
    let upstream = try await SilentUpstream.start(
      answering: "HTTP/1.1 401 Unauthorized\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnope")
    let size = UpstreamLimits.bufferedBytesMax * 4
    try await TestGateway.run(allowing: ["127.0.0.1:\(upstream.port)"]) { gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "upstream-key",
        baseURL: "http://127.0.0.1:\(upstream.port)")
      let body = String(repeating: "a", count: size)
      let answer = try await gateway.json(.POST, Self.path, headers: [Self.bearer], body)
      #expect(answer.status == 401)
      #expect(answer.body == "nope")
    }
    try await upstream.stop()
  }

  @Test func aBodyOverTheLimitIsRefused() async throws {
    var limits = UpstreamLimits()
    limits.requestBytesMax = 2 << 20
    try await run(limits: limits, answer: Self.ok) { gateway, _ in
      let large = ByteBuffer(repeating: 0x61, count: 3 << 20)
      let known = try await gateway.open(
        .POST, Self.path, headers: [Self.bearer], body: .bytes(large))
      #expect(known.status.code == 413)
      let unknown = try await gateway.open(
        .POST, Self.path, headers: [Self.bearer],
        body: .stream(
          AsyncStream { continuation in
            for _ in 0..<3 { continuation.yield(ByteBuffer(repeating: 0x61, count: 1 << 20)) }
            continuation.finish()
          }))
      #expect(unknown.status.code == 413)
    }
  }

  @Test func aClientThatLeavesEndsTheProvidersWork() async throws {
    let (starts, start) = AsyncStream.makeStream(of: Void.self)
    let (ends, end) = AsyncStream.makeStream(of: Void.self)
    try await run(
      answer: { request in
        Response(
          status: .ok,
          body: ResponseBody { writer in
            defer { end.yield() }
            start.yield()
            // Writes until the reader is gone.
            while true { try await writer.write(ByteBuffer(repeating: 0x61, count: 1 << 16)) }
          })
      },
      { gateway, _ in
        let request = Task {
          let response = try await gateway.open(
            .POST, Self.path, headers: [Self.bearer], body: .bytes(ByteBuffer(string: "{}")))
          for try await _ in response.body { try Task.checkCancellation() }
        }
        _ = await starts.first { _ in true }
        request.cancel()
        _ = await ends.first { _ in true }
      })
  }

  @Test func aClientThatLeavesWhileTheProviderThinksEndsTheRequest() async throws {
    let upstream = try await SilentUpstream.start()
    try await TestGateway.run(allowing: ["127.0.0.1:\(upstream.port)"]) { gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "upstream-key",
        baseURL: "http://127.0.0.1:\(upstream.port)")
      let request = Task {
        try await gateway.open(
          .POST, Self.path, headers: [Self.bearer], body: .bytes(ByteBuffer(string: "{}")))
      }
      var events = upstream.events.makeAsyncIterator()
      #expect(await events.next() == .received)
      request.cancel()
      while let event = await events.next(), event != .closed {}
      _ = await request.result
    }
    try await upstream.stop()
  }

  @Test func aProviderThatSaysNothingIsGivenUp() async throws {
    let upstream = try await SilentUpstream.start()
    var limits = UpstreamLimits()
    limits.answerTimeout = .milliseconds(50)
    try await TestGateway.run(allowing: ["127.0.0.1:\(upstream.port)"], limits: limits) { gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "upstream-key",
        baseURL: "http://127.0.0.1:\(upstream.port)")
      let answer = try await gateway.json(.POST, Self.path, headers: [Self.bearer], "{}")
      #expect(answer.status == 504)
    }
    try await upstream.stop()
  }
}
