import Egress
import HTTPTypes
import NIOCore
import TestSupport
import Testing

@testable import GatewayServer

/// Realtime APIs: a WebSocket between a client and a provider, by way of the gateway (RFC 6455).
@Suite(.timeLimit(.minutes(1))) struct WebSocketTests {
  private static let path = "/proxy/custom/lab/v1/realtime?model=m"
  private static let key = "upstream-key"
  private static let switching =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSet-Cookie: a=b\r\n\r\n"

  private static func handshake(_ fields: String = TestGateway.bearerLine) -> String {
    "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)Connection: Upgrade\r\nUpgrade: websocket\r\n"
      + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
  }

  private func run(
    limits: UpstreamLimits = UpstreamLimits(), _ script: @escaping RawServer.Script,
    _ body: @escaping @Sendable (TestGateway) async throws -> Void
  ) async throws {
    try await RawServer.run(script) { server in
      let port = server.port
      try await TestGateway.run(allowing: ["127.0.0.1:\(port)"], limits: limits) { gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: Self.key, baseURL: "http://127.0.0.1:\(port)")
        try await body(gateway)
      }
    }
  }

  @Test func framesPassInBothDirectionsWithTheKeyPutIn() async throws {
    let (heads, head) = AsyncStream.makeStream(of: String.self)
    try await run { connection in
      head.yield(try await connection.receiveHead() ?? "")
      // The first frame right behind the answer.
      try await connection.send(Self.switching + "hello;")
      while let frame = try await connection.receive(until: ";") {
        try await connection.send("echo \(frame)")
      }
    } _: { gateway in
      try await gateway.connect { connection in
        try await connection.send(Self.handshake())
        let answer = try await connection.answer()
        #expect(answer.status == 101)
        #expect(answer["upgrade"] == "websocket")
        #expect(answer["connection"] == "Upgrade")
        #expect(answer["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(answer["set-cookie"] == nil)
        #expect(try await connection.text(6) == "hello;")
        for frame in ["one;", "two;", String(repeating: "x", count: 1 << 20) + ";"] {
          try await connection.send(frame)
          #expect(try await connection.text(5 + frame.utf8.count) == "echo " + frame)
        }
      }
      let sent = await heads.first { _ in true } ?? ""
      #expect(sent.hasPrefix("GET /v1/realtime?model=m HTTP/1.1\r\n"))
      #expect(sent.contains("authorization: Bearer \(Self.key)\r\n"))
      #expect(sent.contains("upgrade: websocket\r\n"))
      #expect(sent.contains("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"))
      #expect(!sent.contains(FakeBackend.accessToken))
      #expect(gateway.backend.resolvedPurposes == ["GET /v1/realtime"])
    }
  }

  @Test func bytesThatAreSentWithTheHandshakeArriveBehindIt() async throws {
    try await run { connection in
      _ = try await connection.receiveHead()
      try await connection.send(Self.switching)
      try await connection.send("got \(try await connection.receive(until: ";") ?? "")")
      await connection.waitForClose()
    } _: { gateway in
      try await gateway.connect { connection in
        try await connection.send(Self.handshake() + "early;")
        #expect(try await connection.answer().status == 101)
        #expect(try await connection.text(10) == "got early;")
      }
    }
  }

  @Test func aTokenAmongTheSubprotocolsIsTakenAndTakenOut() async throws {
    let (heads, head) = AsyncStream.makeStream(of: String.self)
    try await run { connection in
      head.yield(try await connection.receiveHead() ?? "")
      try await connection.send(Self.switching)
    } _: { gateway in
      try await gateway.connect { connection in
        try await connection.send(
          Self.handshake(
            "Sec-WebSocket-Protocol: realtime, "
              + "openai-insecure-api-key.\(FakeBackend.accessToken), openai-beta.realtime-v1\r\n"))
        #expect(try await connection.answer().status == 101)
      }
      let sent = await heads.first { _ in true } ?? ""
      #expect(sent.contains("sec-websocket-protocol: realtime, openai-beta.realtime-v1\r\n"))
      #expect(!sent.contains(FakeBackend.accessToken))
    }
  }

  @Test func theEndOfOneSideIsTheEndOfBoth() async throws {
    let (ends, end) = AsyncStream.makeStream(of: Void.self)
    try await run { connection in
      _ = try await connection.receiveHead()
      try await connection.send(Self.switching)
      // The second one is ended by the provider.
      if connection.index == 0 { await connection.waitForClose() }
      end.yield()
    } _: { gateway in
      var ended = ends.makeAsyncIterator()
      try await gateway.connect { connection in
        try await connection.send(Self.handshake())
        #expect(try await connection.answer().status == 101)
      }
      await ended.next()
      try await gateway.connect { connection in
        try await connection.send(Self.handshake())
        #expect(try await connection.answer().status == 101)
        #expect(try await connection.rest() == "")
      }
    }
  }

  @Test func aProviderThatDeclinesIsHeardAndTheConnectionEnds() async throws {
    try await run { connection in
      _ = try await connection.receiveHead()
      try await connection.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nnope")
      await connection.waitForClose()
    } _: { gateway in
      try await gateway.connect { connection in
        try await connection.send(Self.handshake())
        let answer = try await connection.answer()
        #expect(answer.status == 403)
        #expect(answer.body == "nope")
        #expect(answer["connection"] == "close")
        #expect(try await connection.rest() == "")
      }
    }
  }

  @Test func withoutATokenNothingIsOpened() async throws {
    try await run { _ in
      Issue.record("the provider was asked")
    } _: { gateway in
      try await gateway.connect { connection in
        try await connection.send(Self.handshake(""))
        #expect(try await connection.answer().status == 401)
      }
      #expect(gateway.backend.resolvedPurposes.isEmpty)
    }
  }

  @Test(arguments: [
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  ])
  func anotherProtocolThanTheOneOfferedIsABadGateway(answer: String) async throws {
    try await run { connection in
      _ = try await connection.receiveHead()
      try await connection.send(answer)
      await connection.waitForClose()
    } _: { gateway in
      try await gateway.connect { connection in
        try await connection.send(Self.handshake())
        #expect(try await connection.answer().status == 502)
      }
    }
  }

  @Test func anOpenWebSocketCountsAsARequestOfItsUser() async throws {
    var limits = UpstreamLimits()
    limits.requestsPerUserMax = 1
    try await run(limits: limits) { connection in
      _ = try await connection.receiveHead()
      try await connection.send(Self.switching)
      await connection.waitForClose()
    } _: { gateway in
      let request =
        "GET \(Self.path) HTTP/1.1\r\nHost: a\r\n\(TestGateway.bearerLine)Connection: close\r\n\r\n"
      try await gateway.connect { connection in
        try await connection.send(Self.handshake())
        #expect(try await connection.answer().status == 101)
        let refused = try await gateway.raw(request)
        #expect(refused.hasPrefix("HTTP/1.1 429 "))
        #expect(refused.contains("PROXY_REQUESTS_PER_USER_MAX"))
      }
    }
  }

  @Test func silenceOnBothSidesEndsTheConnection() async throws {
    var limits = UpstreamLimits()
    limits.idleTimeout = .milliseconds(100)
    try await run(limits: limits) { connection in
      _ = try await connection.receiveHead()
      try await connection.send(Self.switching)
      await connection.waitForClose()
    } _: { gateway in
      try await gateway.connect { connection in
        try await connection.send(Self.handshake())
        #expect(try await connection.answer().status == 101)
        #expect(try await connection.rest() == "")
      }
    }
  }

  @Test func aClientThatDoesNotReadStopsTheProvider() async throws {
    let megabyte = ByteBuffer(repeating: 0x61, count: 1 << 20)
    try await run { connection in
      _ = try await connection.receiveHead()
      try await connection.send(Self.switching)
      for _ in 0..<32 { try await connection.send(megabyte) }
    } _: { gateway in
      try await gateway.connect { connection in
        try await connection.send(Self.handshake())
        #expect(try await connection.answer().status == 101)
        #expect(try await connection.text(32 << 20).utf8.count == 32 << 20)
      }
    }
  }
}
