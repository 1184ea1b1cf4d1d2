import HTTP2
import NIOCore
import Testing

@testable import HTTP2Trials

/// Frames that arrive in pieces, cut anywhere.
@Suite struct CutFramesTests {
  private static let ok = FixedHeaderFields([(":status", "200")])

  @Test(arguments: 1...Frame.headBytes + 1)
  func aFrameOnAClosedStreamIsFoundHoweverItIsCut(pieceBytes: Int) throws {
    let session = try HTTP2Session(.server, HTTP2Limits())
    let request = RawConnection.preface + Frame.settings([]).bytes + Frame.get.bytes
    try feed(request, to: session, pieceBytes: pieceBytes)
    while let event = session.nextEvent() {
      guard case .header(let stream, _, _) = event else { continue }
      try session.respond(stream, HeaderFields(Self.ok), endOfStream: true)
    }
    try session.drain()
    session.output.clear()

    try feed(Frame.data(1, "late", end: true).bytes, to: session, pieceBytes: pieceBytes)
    try session.drain()
    let goAway = try #require(Frame(from: &session.output))
    #expect(goAway.kind == Frame.Kind.goAway)
    #expect(goAway.number(at: 4) == Code.streamClosed.rawValue)
  }

  private func feed(
    _ bytes: [UInt8], to session: HTTP2Session, pieceBytes: Int
  ) throws {
    for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
      let piece = bytes[start..<min(start + pieceBytes, bytes.count)]
      try session.receive(ByteBuffer(bytes: piece))
    }
  }
}
