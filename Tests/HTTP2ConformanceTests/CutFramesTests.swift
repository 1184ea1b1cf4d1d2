import HTTP2
import NIOCore
import Testing

/// Frames that arrive in pieces, cut anywhere.
@Suite struct CutFramesTests {
  private static let ok = FixedHeaderFields([(":status", "200")])

  @Test(arguments: 1...Frame.headBytes + 1)
  func aFrameOnAClosedStreamIsFoundHoweverItIsCut(pieceBytes: Int) throws {
    let session = try HTTP2Session(.server, HTTP2Limits())
    var events: [HTTP2Event] = []
    let request = RawConnection.preface + Frame.settings([]).bytes + Frame.get.bytes
    try feed(request, to: session, &events, pieceBytes: pieceBytes)
    for case .header(let stream, _, _) in events {
      try session.respond(stream, HeaderFields(Self.ok), endOfStream: true)
    }
    try session.drain(events: &events)
    session.output.clear()

    try feed(Frame.data(1, "late", end: true).bytes, to: session, &events, pieceBytes: pieceBytes)
    try session.drain(events: &events)
    let goAway = try #require(Frame(from: &session.output))
    #expect(goAway.kind == Frame.Kind.goAway)
    #expect(goAway.number(at: 4) == Code.streamClosed.rawValue)
  }

  private func feed(
    _ bytes: [UInt8], to session: HTTP2Session, _ events: inout [HTTP2Event], pieceBytes: Int
  ) throws {
    for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
      let piece = bytes[start..<min(start + pieceBytes, bytes.count)]
      try session.receive(ByteBuffer(bytes: piece), events: &events)
    }
  }
}
