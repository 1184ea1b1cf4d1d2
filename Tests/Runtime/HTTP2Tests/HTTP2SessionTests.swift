import HTTP2
import NIOCore
import Testing

@Suite struct HTTP2SessionTests {
  @Test func aRequestAndItsAnswer() throws {
    let talk = try Conversation()
    let stream = try talk.client.request(Conversation.request(), attachment: nil)
    talk.client.write(stream, ByteBuffer(string: "ping"))
    talk.client.finish(stream)
    try talk.settle()
    #expect(words(talk.serverEvents) == ["header 1 /a", "data 1 ping", "end 1"])

    let accepted = try talk.accepted()
    try talk.server.respond(accepted, HeaderFields(Conversation.ok), endOfStream: false)
    talk.server.write(accepted, ByteBuffer(string: "pong"))
    talk.server.finish(accepted, trailers: HeaderFields(FixedHeaderFields([("grpc-status", "0")])))
    try talk.settle()
    #expect(
      words(talk.clientEvents) == ["header 1 200", "data 1 pong", "trailer 1 0", "closed 1 0"])
    #expect(words(talk.serverEvents).last == "closed 1 0")
    #expect(talk.client.streamCount == 0)
    #expect(talk.server.streamCount == 0)
  }

  @Test func anAnswerOfHeadersOnly() throws {
    let talk = try Conversation()
    let stream = try talk.client.request(Conversation.request(), attachment: nil)
    talk.client.finish(stream)
    try talk.settle()
    try talk.server.respond(
      try talk.accepted(), HeaderFields(Conversation.ok), endOfStream: true)
    try talk.settle()
    #expect(words(talk.clientEvents) == ["header 1 200 end", "closed 1 0"])
  }

  @Test func anAnswerBeforeTheRequestsEndStopsTheRequestWithoutAnError() throws {
    let talk = try Conversation()
    _ = try talk.client.request(Conversation.request(), attachment: nil)
    try talk.settle()
    try talk.server.respond(
      try talk.accepted(), HeaderFields(Conversation.ok), endOfStream: true)
    try talk.settle()
    #expect(words(talk.clientEvents) == ["header 1 200 end", "closed 1 0"])
    #expect(talk.server.resetsByPeerFault == 0)
  }

  @Test func bodyBytesWaitForTheReader() throws {
    var limits = HTTP2Limits()
    limits.streamWindowBytes = 100
    let talk = try Conversation(server: limits)
    let stream = try talk.client.request(Conversation.request(), attachment: nil)
    talk.client.write(stream, ByteBuffer(repeating: 1, count: 250))
    talk.client.finish(stream)
    try talk.settle()
    let accepted = try talk.accepted()
    #expect(received(talk) == 100)
    #expect(talk.client.outboundBytes == 150)
    talk.server.consumedOnConnection(100)
    talk.server.consumedOnStream(accepted, 100)
    try talk.settle()
    #expect(received(talk) == 200)
    talk.server.consumedOnConnection(100)
    talk.server.consumedOnStream(accepted, 100)
    try talk.settle()
    #expect(received(talk) == 250)
    #expect(words(talk.serverEvents).last == "end 1")
    #expect(talk.client.outboundBytes == 0)
  }

  private func received(_ talk: Conversation) -> Int {
    talk.serverEvents.reduce(0) { sum, event in
      if case .data(_, let bytes) = event { sum + bytes.readableBytes } else { sum }
    }
  }

  @Test func bytesWrittenLaterWakeAStreamThatHadNone() throws {
    let talk = try Conversation()
    let stream = try talk.client.request(Conversation.request(), attachment: nil)
    try talk.settle()
    #expect(words(talk.serverEvents) == ["header 1 /a"])
    talk.client.write(stream, ByteBuffer(string: "late"))
    try talk.settle()
    talk.client.finish(stream)
    try talk.settle()
    #expect(words(talk.serverEvents) == ["header 1 /a", "data 1 late", "end 1"])
  }

  @Test func aResetEndsBothSidesAndDropsWhatIsQueued() throws {
    var limits = HTTP2Limits()
    limits.streamWindowBytes = 10
    let talk = try Conversation(server: limits)
    let stream = try talk.client.request(Conversation.request(), attachment: nil)
    talk.client.write(stream, ByteBuffer(repeating: 1, count: 50))
    try talk.settle()
    talk.client.reset(stream, .cancel)
    try talk.settle()
    #expect(words(talk.serverEvents).last == "closed 1 8")
    #expect(words(talk.clientEvents).last == "closed 1 8")
    #expect(talk.client.outboundBytes == 0)
    // Nothing may be said to a stream that is over.
    talk.client.write(stream, ByteBuffer(string: "x"))
    talk.client.finish(stream)
    talk.client.reset(stream, .cancel)
    try talk.settle()
    #expect(throws: HTTP2Error.closed) {
      try talk.server.respond(
        try talk.accepted(), HeaderFields(Conversation.ok), endOfStream: true)
    }
  }

  @Test func theSweepEndsEveryLiveStreamOnce() throws {
    let talk = try Conversation()
    for _ in 0..<3 { _ = try talk.client.request(Conversation.request(), attachment: nil) }
    try talk.settle()
    talk.serverEvents = []
    talk.server.sweep()
    talk.takeEvents()
    #expect(words(talk.serverEvents) == ["closed 1 8", "closed 3 8", "closed 5 8"])
    #expect(talk.server.streamCount == 0)
    talk.server.sweep()
    talk.takeEvents()
    #expect(talk.serverEvents.count == 3)
  }

  @Test func aGracefulEndTakesNoNewStreamAndFinishesTheOldOne() throws {
    let talk = try Conversation()
    let stream = try talk.client.request(Conversation.request(), attachment: nil)
    talk.client.finish(stream)
    try talk.settle()
    talk.server.announceShutdown()
    talk.server.ping(7)
    try talk.settle()
    #expect(words(talk.serverEvents).last == "pong 7")
    #expect(Set(words(talk.clientEvents)) == ["goaway \(Int32.max) 0", "ping"])
    #expect(talk.client.isClosedToRequests)
    talk.server.goAway(.noError)
    try talk.settle()
    #expect(!talk.server.isFinished)
    try talk.server.respond(
      try talk.accepted(), HeaderFields(Conversation.ok), endOfStream: true)
    try talk.settle()
    #expect(talk.server.isFinished)
    #expect(
      words(talk.clientEvents).suffix(3) == ["goaway 1 0", "header 1 200 end", "closed 1 0"])
  }

  @Test func aRequestThatTheServerNeverSawIsClosedAsRefused() throws {
    var limits = HTTP2Limits()
    limits.concurrentStreamsMax = 1
    let talk = try Conversation(server: limits)
    #expect(talk.client.peerConcurrentStreamsMax == 1)
    let first = try talk.client.request(Conversation.request(), attachment: nil)
    let second = try talk.client.request(Conversation.request(), attachment: nil)
    try talk.settle()
    talk.server.goAway(.noError)
    try talk.settle()
    talk.client.reset(first, .cancel)
    try talk.settle()
    #expect(words(talk.clientEvents) == ["goaway 1 0", "closed 1 8", "closed \(second.id) 7"])
    #expect(talk.client.streamCount == 0)
  }

  @Test func aHeaderListOverTheLimitIsCutAndSaysSo() throws {
    var limits = HTTP2Limits()
    limits.headerListBytesMax = 400
    let talk = try Conversation(server: limits)
    let stream = try talk.client.request(
      Conversation.request([("big", String(repeating: "x", count: 400))]), attachment: nil)
    talk.client.finish(stream)
    try talk.settle()
    guard case .header(_, let block, _)? = talk.serverEvents.first else {
      Issue.record("no header event")
      return
    }
    #expect(block.isTooLarge)
    #expect(block[":path"] == "/a")
    #expect(block["big"] == nil)
  }

  @Test func aResetForThePeersFaultIsCountedAndOurOwnIsNot() throws {
    let talk = try Conversation()
    let stream = try talk.client.request(Conversation.request(), attachment: nil)
    try talk.settle()
    talk.server.reset(try talk.accepted(), .cancel)
    try talk.settle()
    #expect(talk.server.resetsByPeerFault == 0)
    _ = stream
    // A WINDOW_UPDATE beyond the largest window is a stream error (RFC 9113, 6.9.1).
    let second = try talk.client.request(Conversation.request(), attachment: nil)
    try talk.settle()
    var frame = ByteBuffer(bytes: [0, 0, 4, 8, 0])
    frame.writeInteger(second.id)
    frame.writeInteger(UInt32(Int32.max))
    try talk.server.receive(frame)
    try talk.settle()
    #expect(talk.server.resetsByPeerFault == 1)
    #expect(words(talk.clientEvents).last == "closed 3 3")
  }

  @Test func bytesThatAreNotThePrefaceThrow() throws {
    let server = try HTTP2Session(.server, HTTP2Limits())
    #expect(throws: HTTP2Error.badPreface) {
      try server.receive(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n12345"))
    }
    #expect(server.nextEvent() == nil)
  }

  /// Every prefix and many single-byte changes of a conversation: errors, perhaps, but no trap.
  @Test func damagedInputNeverTraps() throws {
    let client = try HTTP2Session(.client, HTTP2Limits())
    let stream = try client.request(
      Conversation.request([("a", "b")]), attachment: nil)
    client.write(stream, ByteBuffer(string: "hello"))
    client.finish(stream)
    try client.drain()
    let bytes = Array(client.output.readableBytesView)
    for index in bytes.indices {
      feed(Array(bytes[..<index]))
      for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
        var damaged = bytes
        damaged[index] = value
        feed(damaged)
      }
    }
  }

  private func feed(_ bytes: [UInt8]) {
    guard let server = try? HTTP2Session(.server, HTTP2Limits()) else { return }
    try? server.receive(ByteBuffer(bytes: bytes))
    try? server.drain()
    server.sweep()
  }
}
