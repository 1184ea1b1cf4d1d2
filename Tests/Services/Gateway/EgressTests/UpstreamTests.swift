import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOPosix
import Networking
import Providers
import TLS
import TestSupport
import Testing

@testable import Egress

/// The way out, against servers that do byte for byte what they are told.
@Suite(.timeLimit(.minutes(2))) struct UpstreamTests {
  private static let loop = MultiThreadedEventLoopGroup.singleton.next()
  private static let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
  private static let request = UpstreamRequest(method: .get, path: "/v1/models", query: nil)
  private static let post = UpstreamRequest(method: .post, path: "/v1/chat", query: nil)

  struct Outcome: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: String
    let trailers: HTTPHeaders?
  }

  /// Runs `body` with a way out, which is closed afterwards.
  @discardableResult
  private func withUpstream<Result: Sendable>(
    _ limits: UpstreamLimits = UpstreamLimits(),
    authorities: TrustedAuthorities = TrustedAuthorities(),
    _ body: (Upstream) async throws -> Result
  ) async throws -> Result {
    let upstream = try Upstream(limits, authorities: authorities)
    do {
      let result = try await body(upstream)
      await upstream.close()
      return result
    } catch {
      await upstream.close()
      throw error
    }
  }

  /// `url`, of a name that has these addresses.
  private func endpoint(
    _ url: String, addresses: [String] = ["127.0.0.1"]
  ) async throws -> CheckedEndpoint {
    let parsed = try EndpointURL(url)
    var allowed = EndpointAllowList()
    let isEntry = allowed.insert("\(parsed.host):\(parsed.port)")
    #expect(isEntry)
    return try await EndpointGuard(
      allowList: allowed, resolver: FixedResolver(["provider.test": addresses])
    ).check(url, for: "user")
  }

  private func send(
    _ upstream: Upstream, _ request: UpstreamRequest, to endpoint: CheckedEndpoint,
    body: RequestRelay = RequestRelay()
  ) async throws -> Outcome {
    let answer = try await upstream.send(request, body: body, to: endpoint, on: Self.loop)
    var text = ""
    while let piece = try await answer.nextPiece() { text += String(buffer: piece) }
    return Outcome(
      status: answer.status.code, headers: answer.headers, body: text, trailers: answer.trailers)
  }

  /// What a request fails with; an answer is a failure of the test.
  private func failure(
    _ upstream: Upstream, _ request: UpstreamRequest = request, to endpoint: CheckedEndpoint,
    body: RequestRelay = RequestRelay()
  ) async throws -> UpstreamError? {
    do {
      let outcome = try await send(upstream, request, to: endpoint, body: body)
      Issue.record("answered with \(outcome.status)")
      return nil
    } catch let error as UpstreamError {
      return error
    }
  }

  /// Answers every request on a connection with `answer`.
  private static func answering(_ answer: String) -> RawServer.Script {
    { connection in
      while try await connection.receiveHead() != nil { try await connection.send(answer) }
    }
  }

  // MARK: What is sent

  @Test func theRequestIsWrittenAsItCame() async throws {
    let (heads, head) = AsyncStream.makeStream(of: String.self)
    try await RawServer.run { connection in
      head.yield(try await connection.receiveHead() ?? "")
      try await connection.send(Self.ok)
    } _: { server in
      try await withUpstream { upstream in
        let endpoint = try await endpoint("http://provider.test:\(server.port)/base")
        let request = UpstreamRequest(
          method: .get, path: "/x%20[1]/%2F", query: "include[]=a&q=a%20b&c={}|^%FF",
          headers: ["x-one": "1", "X-Two": "2"])
        let outcome = try await send(upstream, request, to: endpoint)
        #expect(outcome.body == "ok")
        #expect(
          await heads.first { _ in true } == """
            GET /base/x%20[1]/%2F?include[]=a&q=a%20b&c={}|^%FF HTTP/1.1\r
            host: provider.test:\(server.port)\r
            x-one: 1\r
            X-Two: 2\r
            \r

            """)
      }
    }
  }

  @Test(arguments: [("/a b", nil), ("/a\r\nx: y", nil), ("/", "a\r\n"), ("/", "\u{0}")])
  func anAddressThatWouldEndItsLineIsRefused(path: String, query: String?) async throws {
    try await withUpstream { upstream in
      let error = try await failure(
        upstream, UpstreamRequest(method: .get, path: path, query: query),
        to: try await endpoint("http://127.0.0.1:9"))
      #expect(error.is("malformedRequest", "address"))
    }
  }

  @Test(arguments: [("x", "a\r\nb: c"), ("x y", "z"), ("", "z"), ("x", "\u{0}")])
  func aFieldThatWouldEndItsLineIsRefused(name: String, value: String) async throws {
    try await withUpstream { upstream in
      let error = try await failure(
        upstream,
        UpstreamRequest(method: .get, path: "/", query: nil, headers: [name: value]),
        to: try await endpoint("http://127.0.0.1:9"))
      #expect(error.is("malformedRequest", "header field"))
    }
  }

  @Test func aBodyOfUnknownLengthGoesInChunksAndOneThatIsKnownDoesNot() async throws {
    let (bodies, body) = AsyncStream.makeStream(of: String.self)
    try await RawServer.run { connection in
      while let head = try await connection.receiveHead() {
        let isChunked = head.contains("transfer-encoding: chunked")
        #expect(isChunked != head.contains("content-length: 4"))
        body.yield(try await connection.receive(until: isChunked ? "0\r\n\r\n" : "data") ?? "")
        try await connection.send(Self.ok)
      }
    } _: { server in
      try await withUpstream { upstream in
        let endpoint = try await endpoint("http://127.0.0.1:\(server.port)")
        for length in [nil, 4] {
          let relay = try await RequestRelay(
            AsyncStream { pieces in
              pieces.yield(ByteBuffer(string: "da"))
              pieces.yield(ByteBuffer(string: "ta"))
              pieces.finish()
            }, length: length, bytesMax: 100, on: Self.loop.taskExecutor)
          #expect(try await send(upstream, Self.post, to: endpoint, body: relay).body == "ok")
          await relay.finish()
        }
        var received = bodies.makeAsyncIterator()
        #expect(await received.next() == "2\r\nda\r\n2\r\nta\r\n0\r\n\r\n")
        #expect(await received.next() == "data")
        #expect(server.connectionCount == 1)
      }
    }
  }

  // MARK: What comes

  @Test func trailersComeBehindTheBodyAndInterimAnswersAreLeftOut() async throws {
    let answer =
      "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
      + "\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n"
    try await RawServer.run(Self.answering(answer)) { server in
      try await withUpstream { upstream in
        let outcome = try await send(
          upstream, Self.request, to: try await endpoint("http://127.0.0.1:\(server.port)"))
        #expect(outcome.status == 200)
        #expect(outcome.body == "ok")
        #expect(outcome.trailers?["x-sum"] == ["7"])
      }
    }
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
  ])
  func anAnswerThatEndsTooEarlyIsBrokenOff(answer: String) async throws {
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send(answer)
    } _: { server in
      try await withUpstream { upstream in
        let error = try await failure(
          upstream, to: try await endpoint("http://127.0.0.1:\(server.port)"))
        #expect(error.is("brokenOff"))
      }
    }
  }

  @Test func anAnswerThatEndsWithItsConnectionIsWhole() async throws {
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send("HTTP/1.0 200 OK\r\n\r\nall of it")
    } _: { server in
      try await withUpstream { upstream in
        let outcome = try await send(
          upstream, Self.request, to: try await endpoint("http://127.0.0.1:\(server.port)"))
        #expect(outcome.body == "all of it")
      }
    }
  }

  @Test func anAnswerBeforeTheBodysEndArrivesAndTheConnectionIsNotUsedAgain() async throws {
    let tooLarge = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig"
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send(connection.index == 0 ? tooLarge : Self.ok)
      await connection.waitForClose()
    } _: { server in
      try await withUpstream { upstream in
        let endpoint = try await endpoint("http://127.0.0.1:\(server.port)")
        let (pieces, piece) = AsyncStream.makeStream(of: ByteBuffer.self)
        piece.yield(ByteBuffer(string: "first"))
        let relay = try await RequestRelay(
          pieces, length: 1 << 30, bytesMax: 1 << 30, on: Self.loop.taskExecutor)
        let outcome = try await send(upstream, Self.post, to: endpoint, body: relay)
        #expect(outcome.status == 413)
        #expect(outcome.body == "big")
        piece.finish()
        await relay.finish()
        #expect(try await send(upstream, Self.request, to: endpoint).status == 200)
        #expect(server.connectionCount == 2)
      }
    }
  }

  // MARK: Connections

  @Test func aConnectionIsUsedAgain() async throws {
    try await RawServer.run(Self.answering(Self.ok)) { server in
      try await withUpstream { upstream in
        let endpoint = try await endpoint("http://127.0.0.1:\(server.port)")
        for _ in 0..<20 {
          #expect(try await send(upstream, Self.request, to: endpoint).body == "ok")
        }
        #expect(server.connectionCount == 1)
      }
    }
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
  ])
  func aConnectionThatTheProviderWillCloseIsNotUsedAgain(answer: String) async throws {
    try await RawServer.run(Self.answering(answer)) { server in
      try await withUpstream { upstream in
        let endpoint = try await endpoint("http://127.0.0.1:\(server.port)")
        for _ in 0..<3 { _ = try await send(upstream, Self.request, to: endpoint) }
        #expect(server.connectionCount == 3)
      }
    }
  }

  @Test(arguments: [UpstreamTests.request, UpstreamTests.post])
  func aConnectionThatDiedInThePoolIsReplacedUnseen(request: UpstreamRequest) async throws {
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send(Self.ok)
      guard connection.index == 0 else { return await connection.waitForClose() }
      // Closed just when the next request has come.
      _ = try await connection.receiveHead()
    } _: { server in
      try await withUpstream { upstream in
        let endpoint = try await endpoint("http://127.0.0.1:\(server.port)")
        for _ in 0..<2 {
          let body = RequestRelay(ByteBuffer(string: "{}"))
          let outcome = try await send(upstream, request, to: endpoint, body: body)
          #expect(outcome.body == "ok")
        }
        #expect(server.connectionCount == 2)
      }
    }
  }

  @Test func aNewConnectionThatIsClosedWithoutAnAnswerIsNotTriedAgain() async throws {
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
    } _: { server in
      try await withUpstream { upstream in
        let error = try await failure(
          upstream, to: try await endpoint("http://127.0.0.1:\(server.port)"))
        #expect(error.is("closedBeforeAnswer"))
        #expect(server.connectionCount == 1)
      }
    }
  }

  @Test func bytesThatNobodyAskedForEndAConnection() async throws {
    try await RawServer.run { connection in
      while try await connection.receiveHead() != nil {
        try await connection.send(Self.ok)
        if connection.index == 0 { try await connection.send(Self.ok) }
      }
    } _: { server in
      try await withUpstream { upstream in
        let endpoint = try await endpoint("http://127.0.0.1:\(server.port)")
        while server.connectionCount < 2 {
          _ = try? await send(upstream, Self.request, to: endpoint)
        }
      }
    }
  }

  @Test func moreRequestsThanConnectionsTakeTurns() async throws {
    var limits = UpstreamLimits()
    limits.connectionsPerHostMax = 2
    try await RawServer.run(Self.answering(Self.ok)) { server in
      try await withUpstream(limits) { upstream in
        let endpoint = try await endpoint("http://127.0.0.1:\(server.port)")
        try await withThrowingTaskGroup(of: String.self) { group in
          for _ in 0..<20 {
            group.addTask { try await send(upstream, Self.request, to: endpoint).body }
          }
          for try await body in group { #expect(body == "ok") }
        }
        #expect(server.connectionCount <= 2)
      }
    }
  }

  @Test func whoWaitsTooLongForAConnectionIsToldSo() async throws {
    var limits = UpstreamLimits()
    limits.connectionsPerHostMax = 1
    limits.connectTimeout = .seconds(1)
    let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      arrival.yield()
      await connection.waitForClose()
    } _: { server in
      try await withUpstream(limits) { upstream in
        let endpoint = try await endpoint("http://127.0.0.1:\(server.port)")
        let first = Task { try await failure(upstream, to: endpoint) }
        _ = await arrivals.first { _ in true }
        #expect(try await failure(upstream, to: endpoint).is("tooManyConnections"))
        first.cancel()
        #expect(try await first.value.is("cancelled"))
      }
    }
  }

  @Test func whicheverAddressAnswersIsTaken() async throws {
    try await RawServer.run(Self.answering(Self.ok)) { server in
      try await withUpstream { upstream in
        // Nobody listens at the first two.
        let endpoint = try await endpoint(
          "http://provider.test:\(server.port)", addresses: ["::1", "127.0.0.2", "127.0.0.1"])
        #expect(try await send(upstream, Self.request, to: endpoint).body == "ok")
      }
    }
  }

  @Test func aConnectionToAnAddressThatTheNameNoLongerHasIsNotUsed() async throws {
    try await RawServer.run(Self.answering(Self.ok)) { server in
      try await withUpstream { upstream in
        let url = "http://provider.test:\(server.port)"
        let before = try await endpoint(url)
        #expect(try await send(upstream, Self.request, to: before).body == "ok")
        let after = try await endpoint(url, addresses: ["127.0.0.3"])
        #expect(try await failure(upstream, to: after).is("connectFailed"))
      }
    }
  }

  @Test func aPortWhereNobodyListensIsNamedAsSuch() async throws {
    let port = try await RawServer.run { _ in
    } _: {
      $0.port
    }
    try await withUpstream { upstream in
      let error = try await failure(upstream, to: try await endpoint("http://127.0.0.1:\(port)"))
      #expect(error.is("connectFailed", "Connection refused"))
    }
  }

  // MARK: Time

  @Test func aProviderThatSaysNothingIsGivenUp() async throws {
    var limits = UpstreamLimits()
    limits.answerTimeout = .milliseconds(50)
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      await connection.waitForClose()
    } _: { server in
      try await withUpstream(limits) { upstream in
        let error = try await failure(
          upstream, to: try await endpoint("http://127.0.0.1:\(server.port)"))
        #expect(error.is("answerTimeout"))
      }
    }
  }

  @Test func anAnswerThatStopsInTheMiddleIsBrokenOff() async throws {
    var limits = UpstreamLimits()
    limits.idleTimeout = .milliseconds(50)
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok")
      await connection.waitForClose()
    } _: { server in
      try await withUpstream(limits) { upstream in
        let error = try await failure(
          upstream, to: try await endpoint("http://127.0.0.1:\(server.port)"))
        #expect(error.is("brokenOff"))
      }
    }
  }

  @Test func aReaderThatTakesItsTimeStopsTheProviderAndGetsEverything() async throws {
    var limits = UpstreamLimits()
    limits.idleTimeout = .seconds(1)
    let size = 32 << 20
    let (sent, isSent) = AsyncStream.makeStream(of: Void.self)
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send("HTTP/1.1 200 OK\r\ncontent-length: \(size)\r\n\r\n")
      for _ in 0..<32 { try await connection.send(ByteBuffer(repeating: 0x61, count: 1 << 20)) }
      isSent.yield()
      await connection.waitForClose()
    } _: { server in
      try await withUpstream(limits) { upstream in
        let endpoint = try await endpoint("http://127.0.0.1:\(server.port)")
        let answer = try await upstream.send(
          Self.request, body: RequestRelay(), to: endpoint, on: Self.loop)
        var count = try await answer.nextPiece()?.readableBytes ?? 0
        // Longer than a provider may be silent: it is the reader who is slow.
        try await Task.sleep(for: .milliseconds(1_500))
        while let piece = try await answer.nextPiece() { count += piece.readableBytes }
        #expect(count == size)
        _ = await sent.first { _ in true }
      }
    }
  }

  @Test func cancellingEndsTheRequestAtTheProvider() async throws {
    let (begins, begin) = AsyncStream.makeStream(of: Void.self)
    let (ends, end) = AsyncStream.makeStream(of: Void.self)
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      begin.yield()
      await connection.waitForClose()
      end.yield()
    } _: { server in
      try await withUpstream { upstream in
        let endpoint = try await endpoint("http://127.0.0.1:\(server.port)")
        let request = Task { try await failure(upstream, to: endpoint) }
        _ = await begins.first { _ in true }
        request.cancel()
        _ = await ends.first { _ in true }
        #expect(try await request.value.is("cancelled"))
      }
    }
  }

  @Test func anAnswerThatNobodyReadsGivesItsConnectionUp() async throws {
    let (ends, end) = AsyncStream.makeStream(of: Void.self)
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
      await connection.waitForClose()
      end.yield()
    } _: { server in
      try await withUpstream { upstream in
        let endpoint = try await endpoint("http://127.0.0.1:\(server.port)")
        _ = try await upstream.send(
          Self.request, body: RequestRelay(), to: endpoint, on: Self.loop)
        _ = await ends.first { _ in true }
      }
    }
  }
}

extension UpstreamError? {
  /// Whether it is the case of this name, which says this.
  func `is`(_ name: String, _ detail: String? = nil) -> Bool {
    guard let self else { return false }
    let description = String(describing: self)
    return description.hasPrefix(name) && (detail.map(description.contains) ?? true)
  }
}
