import HTTPTypes
import NIOCore
import NIOHTTP1
import Networking
import Synchronization
import TestSupport
import Testing

@testable import Egress

/// Heads and bodies by HTTP/2, in both directions.
@Suite(.timeLimit(.minutes(2))) struct HTTP2BodyTests {
  private static let initialWindow: UInt8 = 4
  private static let largeBytes = 2 << 20
  private let http2: HTTP2Rig

  init() throws {
    http2 = try HTTP2Rig()
  }

  @Test func trailersComeBehindTheBodyAndInterimAnswersBeforeIt() async throws {
    try await http2.run { peer in
      try await peer.answerAll { peer, stream in
        try await peer.send(
          HTTP2Peer.headers(stream, [(":status", "100")])
            + HTTP2Peer.headers(stream, [(":status", "103"), ("link", "</a>")])
            + HTTP2Peer.headers(stream, [(":status", "207"), ("x-one", "1"), ("x-one", "2")])
            + HTTP2Peer.data(stream, "ok")
            + HTTP2Peer.headers(stream, [("x-sum", "7")], ends: true))
      }
    } _: { upstream, endpoint, _ async throws in
      let interim = Mutex<[String]>([])
      let watch = UpstreamWatch { head in
        interim.withLock { $0.append("\(head.status.code) \(head.headers["link"])") }
      }
      let answer = try await upstream.send(
        UpstreamRig.get, body: RequestRelay(), to: endpoint, on: UpstreamRig.loop, watch: watch)
      #expect(answer.status.code == 207)
      #expect(answer.headers["x-one"] == ["1", "2"])
      var body = ""
      while let piece = try await answer.nextPiece() { body += String(buffer: piece) }
      #expect(body == "ok")
      #expect(answer.trailers?["x-sum"] == ["7"])
      #expect(interim.withLock(\.self) == [#"103 ["</a>"]"#])
    }
  }

  @Test func anAnswerWithoutBodyIsWhole() async throws {
    try await http2.run { peer in
      try await peer.answerAll { peer, stream in
        try await peer.send(HTTP2Peer.headers(stream, [(":status", "204")], ends: true))
      }
    } _: { upstream, endpoint, _ async throws in
      for _ in 0..<3 { #expect(try await http2.post(upstream, endpoint).status == 204) }
    }
  }

  @Test func anAnswerBeforeTheBodysEndArrivesAndTheConnectionGoesOn() async throws {
    try await http2.run { peer in
      guard let stream = try await peer.request() else { return }
      try await peer.send(
        HTTP2Peer.headers(stream, [(":status", "413")]) + HTTP2Peer.data(stream, "big", ends: true))
      try await peer.reset(stream, 0)
      try await peer.answerAll { try await $0.ok($1) }
    } _: { upstream, endpoint, server async throws in
      let (pieces, piece) = AsyncStream.makeStream(of: ByteBuffer.self)
      piece.yield(ByteBuffer(string: "first"))
      let relay = try await RequestRelay(
        pieces, length: 1 << 30, bytesMax: 1 << 30, on: UpstreamRig.loop.taskExecutor)
      let outcome = try await http2.post(upstream, endpoint, relay)
      #expect(outcome.status == 413)
      #expect(outcome.body == "big")
      piece.finish()
      await relay.finish()
      #expect(try await http2.get(upstream, endpoint) == "ok")
      #expect(server.connectionCount == 1)
    }
  }

  @Test func aBodyThatBreaksOffIsResetSoThatNobodyTakesItForWhole() async throws {
    struct Left: Error {}
    let (ends, end) = AsyncStream.makeStream(of: [UInt8]?.self)
    try await http2.run { peer in
      _ = try await peer.request()
      end.yield(try await peer.next(HTTP2Peer.Kind.reset)?.payload)
      await peer.connection.waitForClose()
    } _: { upstream, endpoint, _ async throws in
      let pieces = AsyncThrowingStream<ByteBuffer, any Error> { pieces in
        pieces.yield(ByteBuffer(string: "first"))
        pieces.finish(throwing: Left())
      }
      let relay = try await RequestRelay(
        pieces, length: nil, bytesMax: 1 << 30,
        on: UpstreamRig.loop.taskExecutor)
      let error = try await http2.rig.failure(
        upstream, UpstreamRig.post, to: endpoint, body: relay)
      #expect(error.is("request"))
      await relay.finish()
      #expect(await ends.first { _ in true } == [0, 0, 0, HTTP2Peer.cancel])
    }
  }

  @Test(arguments: [nil, 4 << 20])
  func aLargeBodyWaitsForTheProvidersWindow(length: Int?) async throws {
    let (counts, count) = AsyncStream.makeStream(of: Int.self)
    try await http2.run(settings: [(Self.initialWindow, 10_000)]) { peer in
      guard let stream = try await peer.request() else { return }
      var received = 0
      // Before our settings have arrived, the window is what it is without (RFC 9113, 6.9.2).
      var allowed = 65_535
      while let frame = try await peer.next() {
        received += frame.payload.count
        if frame.endsStream { break }
        #expect(received <= allowed)
        allowed += frame.payload.count
        let credit = HTTP2Peer.number(frame.payload.count, bytes: 4)
        guard frame.payload.count > 0 else { continue }
        try await peer.send(
          HTTP2Peer.frame(HTTP2Peer.Kind.windowUpdate, stream, credit)
            + HTTP2Peer.frame(HTTP2Peer.Kind.windowUpdate, 0, credit))
      }
      count.yield(received)
      try await peer.ok(stream)
      await peer.connection.waitForClose()
    } _: { upstream, endpoint, _ async throws in
      let relay = try await RequestRelay(
        AsyncStream { pieces in
          for _ in 0..<64 { pieces.yield(ByteBuffer(repeating: 0x61, count: 64 << 10)) }
          pieces.finish()
        }, length: length, bytesMax: 1 << 30, on: UpstreamRig.loop.taskExecutor)
      #expect(try await http2.post(upstream, endpoint, relay).body == "ok")
      await relay.finish()
      #expect(await counts.first { _ in true } == 4 << 20)
    }
  }

  @Test func whoDoesNotReadStopsItsOwnStreamOnly() async throws {
    let (sent, isSent) = AsyncStream.makeStream(of: Int.self)
    try await http2.run { peer in
      // As much as the windows allow, which is told by their updates.
      var window = (stream: UpstreamLimits.streamWindowBytes, connection: 65_535)
      var large = 0
      var total = 0
      let piece = 16 << 10
      while total < Self.largeBytes {
        if large > 0, min(window.stream, window.connection) >= piece {
          try await peer.send(
            HTTP2Peer.frame(HTTP2Peer.Kind.data, large, [UInt8](repeating: 0x61, count: piece)))
          total += piece
          window.stream -= piece
          window.connection -= piece
          continue
        }
        guard let frame = try await peer.nextOfAnyKind() else { return }
        let value = frame.payload.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        switch (frame.kind, frame.stream) {
        case (HTTP2Peer.Kind.settings, _) where frame.flags == 0:
          // The window of streams is ours from here on.
          try await peer.send(HTTP2Peer.frame(HTTP2Peer.Kind.settings, 0, flags: 1))
        case (HTTP2Peer.Kind.windowUpdate, 0): window.connection += value
        case (HTTP2Peer.Kind.windowUpdate, large): window.stream += value
        case (HTTP2Peer.Kind.headers, let first) where large == 0:
          large = first
          try await peer.send(HTTP2Peer.headers(large))
        case (HTTP2Peer.Kind.headers, let other):
          // A stream beside the one that stands still.
          isSent.yield(total)
          try await peer.ok(other)
        default: break
        }
      }
      try await peer.send(HTTP2Peer.data(large, "", ends: true))
      await peer.connection.waitForClose()
    } _: { upstream, endpoint, server async throws in
      let answer = try await upstream.send(
        UpstreamRig.get, body: RequestRelay(), to: endpoint, on: UpstreamRig.loop)
      #expect(try await http2.get(upstream, endpoint) == "ok")
      let standing = await sent.first { _ in true } ?? .max
      #expect(standing <= 2 * UpstreamLimits.streamWindowBytes)
      var count = 0
      while let piece = try await answer.nextPiece() { count += piece.readableBytes }
      #expect(count == Self.largeBytes)
      #expect(server.connectionCount == 1)
    }
  }
}
