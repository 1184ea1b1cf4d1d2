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

/// What is written to a provider and read from it, byte for byte.
@Suite(.timeLimit(.minutes(2))) struct UpstreamTests {
  private let rig = UpstreamRig()

  // MARK: What is sent

  @Test func theRequestIsWrittenAsItCame() async throws {
    let (heads, head) = AsyncStream.makeStream(of: String.self)
    try await RawServer.run { connection in
      head.yield(try await connection.receiveHead() ?? "")
      try await connection.send(UpstreamRig.ok)
    } _: { server in
      try await rig.withUpstream { upstream in
        let endpoint = try await rig.endpoint("http://provider.test:\(server.port)/base")
        let request = UpstreamRequest(
          method: .get, path: "/x%20[1]/%2F", query: "include[]=a&q=a%20b&c={}|^%FF",
          headers: ["x-one": "1", "X-Two": "2"])
        let outcome = try await rig.send(upstream, request, to: endpoint)
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
    try await rig.withUpstream { upstream in
      let error = try await rig.failure(
        upstream, UpstreamRequest(method: .get, path: path, query: query),
        to: try await rig.endpoint("http://127.0.0.1:9"))
      #expect(error.is("malformedRequest", "address"))
    }
  }

  @Test(arguments: [("x", "a\r\nb: c"), ("x y", "z"), ("", "z"), ("x", "\u{0}")])
  func aFieldThatWouldEndItsLineIsRefused(name: String, value: String) async throws {
    try await rig.withUpstream { upstream in
      let error = try await rig.failure(
        upstream,
        UpstreamRequest(method: .get, path: "/", query: nil, headers: [name: value]),
        to: try await rig.endpoint("http://127.0.0.1:9"))
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
        try await connection.send(UpstreamRig.ok)
      }
    } _: { server in
      try await rig.withUpstream { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        for length in [nil, 4] {
          let relay = try await RequestRelay(
            AsyncStream { pieces in
              pieces.yield(ByteBuffer(string: "da"))
              pieces.yield(ByteBuffer(string: "ta"))
              pieces.finish()
            }, length: length, bytesMax: 100, on: UpstreamRig.loop.taskExecutor)
          #expect(
            try await rig.send(upstream, UpstreamRig.post, to: endpoint, body: relay).body == "ok")
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
    try await RawServer.run(UpstreamRig.answering(answer)) { server in
      try await rig.withUpstream { upstream in
        let outcome = try await rig.send(
          upstream, UpstreamRig.get, to: try await rig.endpoint("http://127.0.0.1:\(server.port)"))
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
      try await rig.withUpstream { upstream in
        let error = try await rig.failure(
          upstream, to: try await rig.endpoint("http://127.0.0.1:\(server.port)"))
        #expect(error.is("brokenOff"))
      }
    }
  }

  @Test func anAnswerThatEndsWithItsConnectionIsWhole() async throws {
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send("HTTP/1.0 200 OK\r\n\r\nall of it")
    } _: { server in
      try await rig.withUpstream { upstream in
        let outcome = try await rig.send(
          upstream, UpstreamRig.get, to: try await rig.endpoint("http://127.0.0.1:\(server.port)"))
        #expect(outcome.body == "all of it")
      }
    }
  }

  @Test func anAnswerBeforeTheBodysEndArrivesAndTheConnectionIsNotUsedAgain() async throws {
    let tooLarge = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig"
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send(connection.index == 0 ? tooLarge : UpstreamRig.ok)
      await connection.waitForClose()
    } _: { server in
      try await rig.withUpstream { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        let (pieces, piece) = AsyncStream.makeStream(of: ByteBuffer.self)
        piece.yield(ByteBuffer(string: "first"))
        let relay = try await RequestRelay(
          pieces, length: 1 << 30, bytesMax: 1 << 30, on: UpstreamRig.loop.taskExecutor)
        let outcome = try await rig.send(upstream, UpstreamRig.post, to: endpoint, body: relay)
        #expect(outcome.status == 413)
        #expect(outcome.body == "big")
        piece.finish()
        await relay.finish()
        #expect(try await rig.send(upstream, UpstreamRig.get, to: endpoint).status == 200)
        #expect(server.connectionCount == 2)
      }
    }
  }
}
