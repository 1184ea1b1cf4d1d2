import HTTPTypes
import NIOCore
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import Egress

/// Requests that share a connection of HTTP/2: when there is one, who is on it, and what ends it.
@Suite(.timeLimit(.minutes(2))) struct HTTP2ConnectionTests {
  private static let concurrentStreamsMax: UInt8 = 3
  private let http2: HTTP2Rig

  init() throws {
    http2 = try HTTP2Rig()
  }

  // MARK: Sharing

  @Test func manyRequestsShareOneConnection() async throws {
    try await http2.run { peer in
      // All are here before the first is answered.
      var streams: [Int] = []
      while streams.count < 50, let stream = try await peer.request() { streams.append(stream) }
      for stream in streams { try await peer.ok(stream) }
      try await peer.answerAll { try await $0.ok($1) }
    } _: { upstream, endpoint, server async throws in
      #expect(try await http2.burst(50, upstream, endpoint) == 50)
      for _ in 0..<5 { #expect(try await http2.get(upstream, endpoint) == "ok") }
      #expect(server.connectionCount == 1)
    }
  }

  @Test(arguments: [3, 100])
  func moreThanTheProviderAllowsOnAConnectionGetAnother(allowed: Int) async throws {
    let held = Mutex<[@Sendable () async throws -> Void]>([])
    let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
    try await http2.run(settings: [(Self.concurrentStreamsMax, allowed)]) { peer in
      if peer.connection.index == 0, let first = try await peer.request() {
        try await peer.ok(first)
      }
      try await peer.answerAll { peer, stream in
        held.withLock { $0.append { try await peer.ok(stream) } }
        arrival.yield()
      }
    } _: { upstream, endpoint, server async throws in
      // Then the settings are known.
      #expect(try await http2.get(upstream, endpoint) == "ok")
      async let answered = http2.burst(allowed + 1, upstream, endpoint)
      var arrived = arrivals.makeAsyncIterator()
      for _ in 0...allowed { await arrived.next() }
      for answer in held.withLock(\.self) { try await answer() }
      #expect(try await answered == allowed + 1)
      #expect(server.connectionCount >= 2)
    }
  }

  @Test func aBurstToAProviderOfHTTP1GetsAConnectionEach() async throws {
    let plain = try HTTP2Rig(protocols: ["http/1.1"])
    try await plain.withServer(script: UpstreamRig.answering(UpstreamRig.ok)) {
      upstream, endpoint, server async throws in
      #expect(try await plain.burst(20, upstream, endpoint) == 20)
      #expect(try await plain.burst(20, upstream, endpoint) == 20)
      #expect((2...40).contains(server.connectionCount))
    }
  }

  @Test func aBurstToNobodyFailsAtOnce() async throws {
    let port = try await RawServer.run { _ in
    } _: {
      $0.port
    }
    try await http2.rig.withUpstream(authorities: http2.authorities) { upstream in
      let endpoint = try await http2.rig.endpoint("https://127.0.0.1:\(port)")
      await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<20 {
          group.addTask {
            let error = try? await http2.rig.failure(upstream, to: endpoint)
            return error.is("connectFailed", "Connection refused")
          }
        }
        #expect(await group.allSatisfy { $0 })
      }
    }
  }

  @Test(arguments: [true, false])
  func whoNeedsHTTP1OffersNothingElse(isSwitchedOff: Bool) async throws {
    var limits = UpstreamLimits()
    limits.offersHTTP2 = !isSwitchedOff
    try await http2.withServer(limits, script: UpstreamRig.answering(UpstreamRig.ok)) {
      upstream, endpoint, _ async throws in
      var request = UpstreamRig.get
      if !isSwitchedOff {
        request.headers.add(name: "connection", value: "Upgrade")
        request.headers.add(name: "upgrade", value: "websocket")
      }
      #expect(try await http2.rig.send(upstream, request, to: endpoint).body == "ok")
    }
  }

  // MARK: Once more

  @Test(arguments: [HTTP2Peer.refusedStream, HTTP2Peer.http11Required])
  func aRequestThatTheProviderDidNothingWithIsSentAgain(code: UInt8) async throws {
    let refusals = Mutex(0)
    try await http2.withServer(script: { connection in
      if connection.index == 1, code == HTTP2Peer.http11Required {
        return try await UpstreamRig.answering(UpstreamRig.ok)(connection)
      }
      guard let peer = try await HTTP2Peer(connection) else { return }
      try await peer.answerAll { peer, stream in
        if refusals.withLock({
          $0 += 1; return $0
        }) == 1 {
          try await peer.reset(stream, code)
        } else {
          try await peer.ok(stream)
        }
      }
    }) { upstream, endpoint, server async throws in
      #expect(try await http2.post(upstream, endpoint).body == "ok")
      #expect(try await http2.post(upstream, endpoint).body == "ok")
      #expect(server.connectionCount == 2)
    }
  }

  @Test func aProviderThatRefusesEverythingIsNotAskedForEver() async throws {
    let count = Mutex(0)
    try await http2.run { peer in
      try await peer.answerAll { peer, stream in
        count.withLock { $0 += 1 }
        try await peer.reset(stream, HTTP2Peer.refusedStream)
      }
    } _: { upstream, endpoint, _ async throws in
      let error = try await http2.rig.failure(upstream, to: endpoint)
      #expect(error.is("refused"))
      #expect(count.withLock(\.self) == 4)
    }
  }

  @Test func whatAGoodbyeLeavesOutIsSentAgainAndTheRestGoesOn() async throws {
    try await http2.run { peer in
      guard let first = try await peer.request() else { return }
      if peer.connection.index == 0 {
        _ = try await peer.request()
        try await peer.goAway(last: first)
      }
      try await peer.ok(first)
      try await peer.answerAll { try await $0.ok($1) }
    } _: { upstream, endpoint, server async throws in
      #expect(try await http2.burst(2, upstream, endpoint) == 2)
      #expect(try await http2.post(upstream, endpoint).body == "ok")
      #expect(server.connectionCount == 2)
    }
  }

  @Test func aConnectionThatDiedInThePoolIsReplacedUnseen() async throws {
    try await http2.run { peer in
      guard let first = try await peer.request() else { return }
      try await peer.ok(first)
      guard peer.connection.index == 0 else { return await peer.connection.waitForClose() }
      // Closed just when the next request has come.
      _ = try await peer.request()
    } _: { upstream, endpoint, server async throws in
      for _ in 0..<2 { #expect(try await http2.post(upstream, endpoint).body == "ok") }
      #expect(server.connectionCount == 2)
    }
  }

  @Test func aNewConnectionThatIsClosedWithoutAnAnswerIsNotTriedAgain() async throws {
    try await http2.run { peer in
      _ = try await peer.request()
    } _: { upstream, endpoint, server async throws in
      #expect(try await http2.rig.failure(upstream, to: endpoint).is("closedBeforeAnswer"))
      #expect(server.connectionCount == 1)
    }
  }

  // MARK: Ends

  @Test func cancellingResetsOneStreamAndLeavesTheOthers() async throws {
    let (begins, begin) = AsyncStream.makeStream(of: Void.self)
    try await http2.run { peer in
      guard let first = try await peer.request() else { return }
      begin.yield()
      guard let second = try await peer.request() else { return }
      begin.yield()
      let reset = try await peer.next(HTTP2Peer.Kind.reset)
      #expect(reset?.stream == second)
      #expect(reset?.payload == [0, 0, 0, HTTP2Peer.cancel])
      try await peer.ok(first)
      await peer.connection.waitForClose()
    } _: { upstream, endpoint, server async throws in
      // The first has arrived before the second begins.
      var begun = begins.makeAsyncIterator()
      let first = Task { try await http2.get(upstream, endpoint) }
      _ = await begun.next()
      let second = Task { try await http2.rig.failure(upstream, UpstreamRig.post, to: endpoint) }
      _ = await begun.next()
      second.cancel()
      #expect(try await second.value.is("cancelled"))
      #expect(try await first.value == "ok")
    }
  }

  @Test func anAnswerThatNobodyReadsIsResetAndTheConnectionGoesOn() async throws {
    let (ends, end) = AsyncStream.makeStream(of: Void.self)
    try await http2.run { peer in
      guard let stream = try await peer.request() else { return }
      try await peer.send(HTTP2Peer.headers(stream))
      #expect(try await peer.next(HTTP2Peer.Kind.reset)?.stream == stream)
      end.yield()
      try await peer.answerAll { try await $0.ok($1) }
    } _: { upstream, endpoint, server async throws in
      _ = try await upstream.send(
        UpstreamRig.get, body: RequestRelay(), to: endpoint, on: UpstreamRig.loop)
      _ = await ends.first { _ in true }
      #expect(try await http2.get(upstream, endpoint) == "ok")
      #expect(server.connectionCount == 1)
    }
  }

  @Test func aProviderThatSaysNothingIsGivenUpAndToldSo() async throws {
    var limits = UpstreamLimits()
    limits.answerTimeout = .milliseconds(50)
    try await http2.run(limits) { peer in
      guard let silent = try await peer.request() else { return }
      #expect(try await peer.next(HTTP2Peer.Kind.reset)?.stream == silent)
      try await peer.answerAll { try await $0.ok($1) }
    } _: { upstream, endpoint, server async throws in
      #expect(try await http2.rig.failure(upstream, to: endpoint).is("answerTimeout"))
      #expect(try await http2.get(upstream, endpoint) == "ok")
      #expect(server.connectionCount == 1)
    }
  }

  @Test func anAnswerThatStopsInTheMiddleIsBrokenOff() async throws {
    var limits = UpstreamLimits()
    limits.idleTimeout = .milliseconds(50)
    try await http2.run(limits) { peer in
      guard let stream = try await peer.request() else { return }
      try await peer.send(HTTP2Peer.headers(stream) + HTTP2Peer.data(stream, "half"))
      await peer.connection.waitForClose()
    } _: { upstream, endpoint, _ async throws in
      #expect(try await http2.rig.failure(upstream, to: endpoint).is("brokenOff"))
    }
  }

  @Test(arguments: [true, false])
  func aSilentConnectionIsAskedWhetherItLives(doesAnswer: Bool) async throws {
    var limits = UpstreamLimits()
    limits.pingInterval = .milliseconds(50)
    limits.pingTimeout = doesAnswer ? .seconds(60) : .milliseconds(50)
    try await http2.run(limits) { peer in
      guard let stream = try await peer.request() else { return }
      for _ in 0..<2 {
        guard let ping = try await peer.next(HTTP2Peer.Kind.ping) else { return }
        guard doesAnswer else { return await peer.connection.waitForClose() }
        try await peer.send(HTTP2Peer.frame(HTTP2Peer.Kind.ping, 0, ping.payload, flags: 1))
      }
      try await peer.ok(stream)
      await peer.connection.waitForClose()
    } _: { upstream, endpoint, _ async throws in
      if doesAnswer {
        #expect(try await http2.get(upstream, endpoint) == "ok")
      } else {
        #expect(try await http2.rig.failure(upstream, to: endpoint).is("closedBeforeAnswer"))
      }
    }
  }

  @Test func aConnectionWithoutRequestsSaysGoodbyeAfterAWhile() async throws {
    var limits = UpstreamLimits()
    limits.connectionIdleTimeout = .milliseconds(50)
    let (ends, end) = AsyncStream.makeStream(of: Bool.self)
    try await http2.run(limits) { peer in
      guard let stream = try await peer.request() else { return }
      try await peer.ok(stream)
      end.yield(try await peer.next(HTTP2Peer.Kind.goAway) != nil)
      await peer.connection.waitForClose()
    } _: { upstream, endpoint, _ async throws in
      #expect(try await http2.get(upstream, endpoint) == "ok")
      #expect(await ends.first { _ in true } == true)
    }
  }
}
