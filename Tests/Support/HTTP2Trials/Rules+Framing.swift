/// RFC 9113, 3.4 to 4.3: the connection preface, frames in general, header blocks.
extension Rule {
  /// SETTINGS_MAX_FRAME_SIZE of a server that says nothing about it.
  private static let frameBytesMax = 16_384

  static let framing: [Rule] = [
    Rule(
      "http2/3.5/1", "3.4", "the server's preface answers the client's", greets: false,
      [
        .sendBytes(RawConnection.preface), .send([.settings([(.initialWindowSize, 65_535)])]),
        .expect(.settings), .expect(.settingsAcknowledgement),
      ]),
    Rule(
      "http2/3.5/2", "3.4", "something else than the preface ends the connection", greets: false,
      [.sendBytes(Array("INVALID CONNECTION PREFACE\r\n\r\n".utf8)), .expect(.end)]),
    Rule(
      "http2/4.1/1", "4.1", "a frame of unknown type is ignored",
      [.unknown, .ping()], .pong(.ping())),
    Rule(
      "http2/4.1/2", "4.1", "flags without a meaning are ignored",
      [.ping(flags: 0x16)], .pong(.ping())),
    Rule(
      "http2/4.1/3", "4.1", "the reserved bit of a stream identifier is ignored",
      [Frame(kind: Frame.Kind.ping, stream: 1 << 31, payload: Frame.ping().payload)],
      .pong(.ping())),
    Rule(
      "http2/4.2/1", "4.2", "DATA of 2^14 octets is accepted",
      [.post, .data(1, String(repeating: "x", count: frameBytesMax), end: true)], .response(1)),
    Rule(
      "http2/4.2/2", "4.2", "DATA of more than SETTINGS_MAX_FRAME_SIZE is FRAME_SIZE_ERROR",
      [.post, .data(1, String(repeating: "x", count: frameBytesMax + 1), end: true)],
      .streamError(.frameSizeError)),
    Rule(
      "http2/4.2/3", "4.2",
      "HEADERS of more than SETTINGS_MAX_FRAME_SIZE are FRAME_SIZE_ERROR of the connection",
      [.headers(1, Request.get + Request.largeFields(5), end: true)],
      .connectionError(.frameSizeError)),
    Rule(
      "http2/4.3/1", "4.3", "a header block that can't be decoded is COMPRESSION_ERROR",
      [.headers(1, [0x40], end: true)], .connectionError(.compressionError)),
    Rule(
      "http2/4.3/2", "4.3", "PRIORITY inside a header block is PROTOCOL_ERROR",
      [
        .headers(1, Request.get, end: false, endHeaders: false), .priority(1),
        .continuation(1, Request.largeFields(1), endHeaders: true),
      ], .connectionError(.protocolError)),
    Rule(
      "http2/4.3/3", "4.3", "HEADERS of another stream inside a header block are PROTOCOL_ERROR",
      [
        .headers(1, Request.get, end: false, endHeaders: false),
        .headers(3, Request.get, end: true),
        .continuation(1, Request.largeFields(1), endHeaders: true),
      ], .connectionError(.protocolError)),
  ]
}

extension Frame {
  static let unknown = Frame(kind: Kind.unknown, payload: Rule.padding(8))
}
