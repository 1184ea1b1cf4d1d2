import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Edge

@Suite struct RequestDecoderTests {
  private static func channel() throws -> EmbeddedChannel {
    let decoder = RequestDecoder(limits: NIOHTTPDecoderLimitConfiguration())
    let channel = EmbeddedChannel()
    try channel.pipeline.syncOperations.addHandlers([
      HTTPResponseEncoder(), ByteToMessageHandler(decoder), ConnectionRules(decoder),
    ])
    return channel
  }

  /// What came of the bytes, as `/path` for each head, the bodies, and `.` for each end.
  private static func parts(of channel: EmbeddedChannel) throws -> String {
    var text = ""
    while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
      switch part {
      case .head(let head): text += head.uri
      case .body(let body): text += String(buffer: body)
      case .end: text += "."
      }
    }
    return text
  }

  /// However the bytes are cut, the same requests come of them.
  @Test(arguments: [1, 2, 3, 7, 64, 4_096])
  func offersAreReadOverInPiecesOfAnySize(size: Int) throws {
    let offer = "Host: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
    let text =
      "GET /1 HTTP/1.1\r\n\(offer)\r\nPOST /2 HTTP/1.1\r\n\(offer)Content-Length: 3\r\n\r\nabc"
      + "POST /3 HTTP/1.1\r\n\(offer)Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
      + "GET /4 HTTP/1.1\r\nHost: a\r\n\r\nGET /5 HTTP/1.1\r\n\(offer)\r\n"
    let channel = try Self.channel()
    var bytes = ByteBuffer(string: text)
    while let piece = bytes.readSlice(length: min(size, bytes.readableBytes)),
      piece.readableBytes > 0
    {
      try channel.writeInbound(piece)
    }
    #expect(try Self.parts(of: channel) == "/1./2abc./3de./4./5.")
    _ = try channel.finish()
  }

  /// A client that has said all: what came whole is a request, a beginning is nothing.
  @Test(arguments: ["", "G", "GET /2 HTTP/1.1\r\nHost: a\r\nX: "])
  func theEndOfTheClientsSideIsTheEndOfRequests(beginning: String) throws {
    let channel = try Self.channel()
    try channel.writeInbound(
      ByteBuffer(
        string: "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
          + beginning))
    channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    #expect(try Self.parts(of: channel) == "/1.")
    _ = try channel.finish()
  }

  @Test func noWordThatTheBodyIsWantedComesBehindTheAnswersHead() throws {
    let channel = try Self.channel()
    let rules = try channel.pipeline.syncOperations.handler(type: ConnectionRules.self)
    let head =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    try channel.writeInbound(ByteBuffer(string: head))
    try channel.writeOutbound(
      HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: .forbidden)))
    rules.askForBody()
    var sent = ""
    while let bytes = try channel.readOutbound(as: ByteBuffer.self) {
      sent += String(buffer: bytes)
    }
    #expect(sent.hasPrefix("HTTP/1.1 403"))
    #expect(sent.contains("connection: close"))
    #expect(!sent.contains("100 Continue"))
    _ = try? channel.finish()
  }
}
