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

/// When connections to providers are made, used again, waited for and given up.
@Suite(.timeLimit(.minutes(2))) struct UpstreamConnectionTests {
  private let rig = UpstreamRig()

  // MARK: Connections

  @Test func aConnectionIsUsedAgain() async throws {
    try await RawServer.run(UpstreamRig.answering(UpstreamRig.ok)) { server in
      try await rig.withUpstream { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        for _ in 0..<20 {
          #expect(try await rig.send(upstream, UpstreamRig.get, to: endpoint).body == "ok")
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
    try await RawServer.run(UpstreamRig.answering(answer)) { server in
      try await rig.withUpstream { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        for _ in 0..<3 { _ = try await rig.send(upstream, UpstreamRig.get, to: endpoint) }
        #expect(server.connectionCount == 3)
      }
    }
  }

  /// Some servers stop reading HTTP where they were offered something else, taken or not.
  @Test func aConnectionOnWhichAnOfferWasNotTakenIsNotUsedAgain() async throws {
    try await RawServer.run(UpstreamRig.answering(UpstreamRig.ok)) { server in
      try await rig.withUpstream { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        var offer = UpstreamRig.get
        offer.headers.add(name: "connection", value: "Upgrade")
        offer.headers.add(name: "upgrade", value: "websocket")
        #expect(try await rig.send(upstream, offer, to: endpoint).body == "ok")
        #expect(try await rig.send(upstream, UpstreamRig.get, to: endpoint).body == "ok")
        #expect(server.connectionCount == 2)
      }
    }
  }

  @Test(arguments: [UpstreamRig.get, UpstreamRig.post])
  func aConnectionThatDiedInThePoolIsReplacedUnseen(request: UpstreamRequest) async throws {
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send(UpstreamRig.ok)
      guard connection.index == 0 else { return await connection.waitForClose() }
      // Closed just when the next request has come.
      _ = try await connection.receiveHead()
    } _: { server in
      try await rig.withUpstream { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        for _ in 0..<2 {
          let body = RequestRelay(ByteBuffer(string: "{}"))
          let outcome = try await rig.send(upstream, request, to: endpoint, body: body)
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
      try await rig.withUpstream { upstream in
        let error = try await rig.failure(
          upstream, to: try await rig.endpoint("http://127.0.0.1:\(server.port)"))
        #expect(error.is("closedBeforeAnswer"))
        #expect(server.connectionCount == 1)
      }
    }
  }

  @Test func bytesThatNobodyAskedForEndAConnection() async throws {
    try await RawServer.run { connection in
      while try await connection.receiveHead() != nil {
        try await connection.send(UpstreamRig.ok)
        if connection.index == 0 { try await connection.send(UpstreamRig.ok) }
      }
    } _: { server in
      try await rig.withUpstream { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        while server.connectionCount < 2 {
          _ = try? await rig.send(upstream, UpstreamRig.get, to: endpoint)
        }
      }
    }
  }

  @Test func moreRequestsThanConnectionsTakeTurns() async throws {
    var limits = UpstreamLimits()
    limits.connectionsPerHostMax = 2
    try await RawServer.run(UpstreamRig.answering(UpstreamRig.ok)) { server in
      try await rig.withUpstream(limits) { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        try await withThrowingTaskGroup(of: String.self) { group in
          for _ in 0..<20 {
            group.addTask { try await rig.send(upstream, UpstreamRig.get, to: endpoint).body }
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
    limits.connectTimeout = .seconds(3)
    let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      arrival.yield()
      await connection.waitForClose()
    } _: { server in
      try await rig.withUpstream(limits) { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        let first = Task { try await rig.failure(upstream, to: endpoint) }
        _ = await arrivals.first { _ in true }
        #expect(try await rig.failure(upstream, to: endpoint).is("tooManyConnections"))
        first.cancel()
        #expect(try await first.value.is("cancelled"))
      }
    }
  }

  @Test func whicheverAddressAnswersIsTaken() async throws {
    try await RawServer.run(UpstreamRig.answering(UpstreamRig.ok)) { server in
      try await rig.withUpstream { upstream in
        // Nobody listens at the first two.
        let endpoint = try await rig.endpoint(
          "http://provider.test:\(server.port)", addresses: ["::1", "127.0.0.2", "127.0.0.1"])
        #expect(try await rig.send(upstream, UpstreamRig.get, to: endpoint).body == "ok")
      }
    }
  }

  @Test func aConnectionToAnAddressThatTheNameNoLongerHasIsNotUsed() async throws {
    try await RawServer.run(UpstreamRig.answering(UpstreamRig.ok)) { server in
      try await rig.withUpstream { upstream in
        let url = "http://provider.test:\(server.port)"
        let before = try await rig.endpoint(url)
        #expect(try await rig.send(upstream, UpstreamRig.get, to: before).body == "ok")
        let after = try await rig.endpoint(url, addresses: ["127.0.0.3"])
        #expect(try await rig.failure(upstream, to: after).is("connectFailed"))
      }
    }
  }

  @Test func aPortWhereNobodyListensIsNamedAsSuch() async throws {
    let port = try await RawServer.run { _ in
    } _: {
      $0.port
    }
    try await rig.withUpstream { upstream in
      let error = try await rig.failure(
        upstream, to: try await rig.endpoint("http://127.0.0.1:\(port)"))
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
      try await rig.withUpstream(limits) { upstream in
        let error = try await rig.failure(
          upstream, to: try await rig.endpoint("http://127.0.0.1:\(server.port)"))
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
      try await rig.withUpstream(limits) { upstream in
        let error = try await rig.failure(
          upstream, to: try await rig.endpoint("http://127.0.0.1:\(server.port)"))
        #expect(error.is("brokenOff"))
      }
    }
  }

  @Test func aReaderThatTakesItsTimeStopsTheProviderAndGetsEverything() async throws {
    var limits = UpstreamLimits()
    limits.idleTimeout = .seconds(3)
    let size = 32 << 20
    let (sent, isSent) = AsyncStream.makeStream(of: Void.self)
    try await RawServer.run { connection in
      _ = try await connection.receiveHead()
      try await connection.send("HTTP/1.1 200 OK\r\ncontent-length: \(size)\r\n\r\n")
      for _ in 0..<32 { try await connection.send(ByteBuffer(repeating: 0x61, count: 1 << 20)) }
      isSent.yield()
      await connection.waitForClose()
    } _: { server in
      try await rig.withUpstream(limits) { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        let answer = try await upstream.send(
          UpstreamRig.get, body: RequestRelay(), to: endpoint, on: UpstreamRig.loop)
        var count = try await answer.nextPiece()?.readableBytes ?? 0
        // Longer than a provider may be silent: it is the reader who is slow.
        try await Task.sleep(for: .milliseconds(3_500))
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
      try await rig.withUpstream { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        let request = Task { try await rig.failure(upstream, to: endpoint) }
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
      try await rig.withUpstream { upstream in
        let endpoint = try await rig.endpoint("http://127.0.0.1:\(server.port)")
        _ = try await upstream.send(
          UpstreamRig.get, body: RequestRelay(), to: endpoint, on: UpstreamRig.loop)
        _ = await ends.first { _ in true }
      }
    }
  }
}
