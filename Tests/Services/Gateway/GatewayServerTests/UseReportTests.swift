import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import ServiceAPI
import TestSupport
import Testing

@testable import Backend
@testable import Egress
@testable import GatewayServer

/// What the vault is told when a use of a key ends.
@Suite(.timeLimit(.minutes(1))) struct UseReportTests {
  private static let path = "/proxy/custom/lab/v1/files"

  /// The one use, once it was told.
  private static func use(_ gateway: TestGateway) async -> VaultAPI.UseEnd {
    while gateway.backend.uses.isEmpty { await Task.yield() }
    #expect(gateway.backend.uses.count == 1)
    return gateway.backend.uses[0]
  }

  /// A gateway whose endpoint `lab` is at `port` of this machine.
  private static func run(
    port: Int, limits: UpstreamLimits = UpstreamLimits(),
    _ body: @escaping @Sendable (TestGateway) async throws -> Void
  ) async throws {
    try await TestGateway.run(allowing: ["127.0.0.1:\(port)"], limits: limits) { gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "k", baseURL: "http://127.0.0.1:\(port)/v1")
      try await body(gateway)
    }
  }

  @Test(arguments: [200, 204, 302, 401, 503])
  func anAnswerIsToldWithItsStatusTimesAndBytes(status: Int) async throws {
    try await ProxyRun.run { _ in
      Response(
        status: .init(code: status),
        body: status == 204 ? .init() : .init(byteBuffer: ByteBuffer(string: "0123456789")))
    } _: { gateway, _ in
      let answer = try await gateway.send(
        .POST, Self.path, headers: [ProxyRun.bearer], body: "abc")
      #expect(answer.status == status)
      let use = await Self.use(gateway)
      #expect(use.useTicket == Array("ticket 1".utf8))
      #expect(use.status == Int32(status))
      #expect(use.failure == .unspecified)
      #expect(use.requestBytes == 3)
      #expect(use.responseBytes == (status == 204 ? 0 : 10))
      #expect(use.firstByteMilliseconds.map { $0 <= use.milliseconds } == true)
    }
  }

  @Test(arguments: [("", true), ("gzip", false)])
  func theModelAndItsTokensAreTold(coding: String, isRead: Bool) async throws {
    let answer =
      #"{"model":"gpt-4.1-2025-04-14","usage":{"prompt_tokens":1203,"completion_tokens":88,"#
      + #""prompt_tokens_details":{"cached_tokens":3}}}"#
    try await ProxyRun.run { _ in
      var headers: HTTPFields = [.contentType: "application/json"]
      if !coding.isEmpty { headers[.contentEncoding] = coding }
      return Response(
        status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(string: answer)))
    } _: { gateway, _ in
      let sent = try await gateway.send(
        .POST, "/proxy/custom/lab/v1/chat/completions", headers: [ProxyRun.bearer],
        body: #"{"model": "gpt-4.1"}"#)
      #expect(sent.body == answer)
      let use = try #require(await Self.use(gateway).modelUse)
      #expect(use.model == "gpt-4.1")
      #expect(use.operation == "chat")
      #expect(use.tokens?.input == (isRead ? 1_203 : nil))
      #expect(use.tokens?.output == (isRead ? 88 : nil))
      #expect(use.tokens?.cached == (isRead ? 3 : nil))
      // An endpoint of one's own has no list price.
      #expect(use.costNanodollars == nil)
    }
  }

  @Test func theLastEventOfAStreamTellsItsTokens() async throws {
    let events = [
      "data: {\"choices\":[{\"delta\":{}}],\"usage\":null}\n\n",
      "data: {\"choices\":[],\"usage\":{\"prompt_", "tokens\":9,\"completion_tokens\":12}}\n\n",
      "data: [DONE]\n\n",
    ]
    try await ProxyRun.run { _ in
      Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: ResponseBody { writer in
          for event in events { try await writer.write(ByteBuffer(string: event)) }
          try await writer.finish(nil)
        })
    } _: { gateway, _ in
      let answer = try await gateway.send(.POST, Self.path, headers: [ProxyRun.bearer], body: "{}")
      #expect(answer.body == events.joined())
      let use = try #require(await Self.use(gateway).modelUse)
      #expect(use.model == "" && use.operation == "files")
      #expect(use.tokens?.input == 9)
      #expect(use.tokens?.output == 12)
    }
  }

  @Test func aStreamIsToldAtItsEndWithAllOfItsBytes() async throws {
    try await ProxyRun.run { _ in
      Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: ResponseBody { writer in
          for _ in 0..<10 { try await writer.write(ByteBuffer(string: "data: {}\n\n")) }
          try await writer.finish(nil)
        })
    } _: { gateway, _ in
      let body = String(repeating: "a", count: 3 << 20)
      let answer = try await gateway.send(
        .POST, Self.path, headers: [ProxyRun.bearer], body: body)
      #expect(answer.body.utf8.count == 100)
      let use = await Self.use(gateway)
      #expect(use.failure == .unspecified)
      #expect(use.requestBytes == Int64(body.utf8.count))
      #expect(use.responseBytes == 100)
    }
  }

  @Test func anAnswerThatBreaksOffIsAFailure() async throws {
    let upstream = try await SilentUpstream.start(
      answering: "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", thenClosing: true)
    try await Self.run(port: upstream.port) { gateway in
      await #expect(throws: (any Error).self) {
        try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
      }
      let use = await Self.use(gateway)
      #expect(use.status == 200)
      #expect(use.failure == .brokenOff)
      #expect(use.responseBytes == 4)
    }
    try await upstream.stop()
  }

  @Test func anEndpointThatIsNotThereIsAFailureWithoutAStatus() async throws {
    // A port that the kernel gives to nobody.
    try await Self.run(port: 1) { gateway in
      let answer = try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
      #expect(answer.status == 502)
      let use = await Self.use(gateway)
      #expect(use.status == 0)
      #expect(use.failure == .unreachable)
      #expect(use.firstByteMilliseconds == nil)
    }
  }

  @Test func anEndpointThatMayNotBeReachedIsAFailureThatSentNothing() async throws {
    try await TestGateway.run { gateway in
      gateway.backend.store(
        provider: "custom", label: "lab", key: "k", baseURL: "https://127.0.0.1/v1")
      let answer = try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
      #expect(answer.status == 403)
      #expect(await Self.use(gateway).failure == .notSent)
    }
  }

  @Test func aProviderThatSaysNothingIsATimeOut() async throws {
    let upstream = try await SilentUpstream.start()
    var limits = UpstreamLimits()
    limits.answerTimeout = .milliseconds(200)
    try await Self.run(port: upstream.port, limits: limits) { gateway in
      let answer = try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
      #expect(answer.status == 504)
      #expect(await Self.use(gateway).failure == .timedOut)
    }
    try await upstream.stop()
  }

  @Test func aClientThatLeavesIsAFailure() async throws {
    let upstream = try await SilentUpstream.start()
    try await Self.run(port: upstream.port) { gateway in
      let request = Task {
        try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
      }
      for await event in upstream.events where event == .received { break }
      request.cancel()
      #expect(await Self.use(gateway).failure == .clientLeft)
    }
    try await upstream.stop()
  }

  @Test func aChunkedBodyThatProvesTooLargeIsAFailureAnd413() async throws {
    let upstream = try await SilentUpstream.start()
    var limits = UpstreamLimits()
    limits.requestBytesMax = 2 << 20
    try await Self.run(port: upstream.port, limits: limits) { gateway in
      let pieces = AsyncStream(ByteBuffer.self) { stream in
        for _ in 0..<48 { stream.yield(ByteBuffer(repeating: 0x61, count: 64 << 10)) }
        stream.finish()
      }
      let answer = try await gateway.open(
        .POST, Self.path, headers: [ProxyRun.bearer], body: .stream(pieces))
      #expect(answer.status == .payloadTooLarge)
      let use = await Self.use(gateway)
      #expect(use.failure == .requestTooLarge)
      #expect(use.status == 0)
      #expect(use.requestBytes <= 2 << 20)
    }
    try await upstream.stop()
  }

  @Test func aRevocationWhileTheProviderThinksIs401AndAFailure() async throws {
    let upstream = try await SilentUpstream.start()
    try await Self.run(port: upstream.port) { gateway in
      async let answer = gateway.json(
        .POST, Self.path, headers: [ProxyRun.bearer], "{}")
      for await event in upstream.events where event == .received { break }
      gateway.hear(revoked: true)
      let (status, body) = try await (answer.status, answer.body)
      #expect(status == 401)
      #expect(body.contains("revoked"))
      #expect(await Self.use(gateway).failure == .revoked)
      // The provider's work ends too.
      for await event in upstream.events where event == .closed { break }
    }
    try await upstream.stop()
  }

  @Test func endsWaitWhileTheVaultCannotBeReached() async throws {
    try await ProxyRun.run { gateway, _ in
      gateway.backend.vault.fail(VaultAPI.VaultMethods.recordUses, times: 2)
      for _ in 0..<3 {
        _ = try await gateway.send(.GET, Self.path, headers: [ProxyRun.bearer])
      }
      while gateway.backend.uses.count < 3 { await Task.yield() }
      #expect(
        Set(gateway.backend.uses.map { String(decoding: $0.useTicket, as: UTF8.self) })
          == ["ticket 1", "ticket 2", "ticket 3"])
    }
  }

  @Test func endsThatHaveNoRoomAreCountedAndTheOldestKept() {
    let reports = UseReports()
    for number in 0..<UseReports.waitingMax + 2 {
      reports.add(VaultAPI.UseEnd(milliseconds: Int64(number)))
    }
    var taken: [Int64] = []
    var lost = 0
    while true {
      let (batch, lostCount) = reports.take()
      lost += lostCount
      if batch.isEmpty { break }
      #expect(batch.count <= UseReports.batchMax)
      taken += batch.map(\.milliseconds)
    }
    #expect(taken == (0..<UseReports.waitingMax).map { Int64($0) })
    #expect(lost == 2)
  }
}
