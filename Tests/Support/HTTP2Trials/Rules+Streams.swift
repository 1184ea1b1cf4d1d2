/// RFC 9113, 5: the states of streams, their identifiers and number, errors, extensions.
extension Rule {
  /// `RPCServerConfiguration.concurrentStreamsMax` when nobody sets it.
  private static let concurrentStreamsMax: UInt32 = 128

  static let idleStreams: [Rule] = [
    Rule(
      "http2/5.1/1", "5.1", "DATA on an idle stream is PROTOCOL_ERROR",
      [.data(1, "test", end: true)], .connectionError(.protocolError)),
    Rule(
      "http2/5.1/2", "5.1", "RST_STREAM on an idle stream is PROTOCOL_ERROR",
      [.reset(1, .cancel)], .connectionError(.protocolError)),
    Rule(
      "http2/5.1/3", "5.1", "WINDOW_UPDATE on an idle stream is PROTOCOL_ERROR",
      [.windowUpdate(1, 100)], .connectionError(.protocolError)),
    Rule(
      "http2/5.1/4", "5.1", "CONTINUATION on an idle stream is PROTOCOL_ERROR",
      [.continuation(1, Request.get, endHeaders: true)], .connectionError(.protocolError)),
  ]

  static let endedStreams: [Rule] = [
    Rule(
      "http2/5.1/5", "5.1", "DATA on a half-closed (remote) stream is STREAM_CLOSED",
      [.get, .data(1, "test", end: true)], .streamError(.streamClosed)),
    Rule(
      "http2/5.1/6", "5.1", "HEADERS on a half-closed (remote) stream are STREAM_CLOSED",
      [.get, .get], .streamError(.streamClosed)),
    Rule(
      "http2/5.1/7", "5.1", "CONTINUATION on a half-closed (remote) stream is an error",
      [.get, .continuation(1, Request.get, endHeaders: true)],
      .streamError([.streamClosed, .protocolError])),
    Rule(
      "http2/5.1/8", "5.1", "DATA after RST_STREAM is STREAM_CLOSED",
      [.openGet, .reset(1, .cancel), .data(1, "test", end: true)],
      .streamError(.streamClosed)),
    Rule(
      "http2/5.1/9", "5.1", "HEADERS after RST_STREAM are STREAM_CLOSED",
      [.openGet, .reset(1, .cancel), .get], .streamError(.streamClosed)),
    Rule(
      "http2/5.1/10", "5.1", "CONTINUATION after RST_STREAM is an error",
      [
        .openGet, .reset(1, .cancel),
        .continuation(1, Request.largeFields(1), endHeaders: true),
      ], .streamError([.streamClosed, .protocolError])),
    Rule(
      "http2/5.1/11", "5.1", "DATA on a closed stream is STREAM_CLOSED",
      [
        .send([.get]), .expect(.wholeResponse(1)), .send([.data(1, "test", end: true)]),
        .expect(.streamError(.streamClosed)),
      ]),
    Rule(
      "http2/5.1/12", "5.1", "HEADERS on a closed stream are STREAM_CLOSED of the connection",
      [
        .send([.get]), .expect(.wholeResponse(1)), .send([.get]),
        .expect(.connectionError(.streamClosed)),
      ]),
    Rule(
      "http2/5.1/13", "5.1", "CONTINUATION on a closed stream is an error of the connection",
      [
        .send([.get]), .expect(.wholeResponse(1)),
        .send([.continuation(1, Request.largeFields(1), endHeaders: true)]),
        .expect(.connectionError([.streamClosed, .protocolError])),
      ]),
  ]

  /// The server ends a stream before its client does: what is under way is no fault (RFC 9113,
  /// 5.1).
  static let lateFrames: [Rule] = [
    Rule(
      nil, "5.1", "DATA on a stream that was answered early is ignored",
      [
        .headers(1, Request.unknownCall, end: false), .data(1, "late", end: false),
        .data(1, "late", end: true), .ping(),
      ], .pong(.ping())),
    Rule(
      nil, "5.1", "trailers on a stream that was answered early are ignored",
      [
        .headers(1, Request.unknownCall, end: false), .data(1, "late", end: false),
        .headers(1, Request.trailers(("x-test", "ok")), end: true), .ping(),
      ], .pong(.ping())),
    Rule(
      nil, "5.1", "DATA on a stream that was reset as malformed is ignored",
      [
        .headers(1, Request.get(adding: ("X-TEST", "ok")), end: false),
        .data(1, "late", end: true), .ping(),
      ], .pong(.ping())),
    Rule(
      nil, "5.1", "WINDOW_UPDATE and RST_STREAM on a closed stream are ignored",
      [
        .send([.get]), .expect(.wholeResponse(1)),
        .send([.windowUpdate(1, 1), .reset(1, .cancel), .ping()]), .expect(.pong(.ping())),
      ]),
  ]

  static let streamIdentifiers: [Rule] = [
    Rule(
      "http2/5.1.1/1", "5.1.1", "a request on an even stream is PROTOCOL_ERROR",
      [.headers(2, Request.get, end: true)], .connectionError(.protocolError)),
    Rule(
      "http2/5.1.1/2", "5.1.1", "a request on a stream that was passed over is an error",
      [.headers(5, Request.get, end: true), .headers(3, Request.get, end: true)],
      .connectionError(.protocolError)),
    Rule(
      nil, "5.1.1", "a request on a stream before the last ones is an error",
      [
        .headers(1, Request.get, end: true), .headers(7, Request.get, end: true),
        .headers(3, Request.get, end: true),
      ], .connectionError(.protocolError)),
    Rule(
      "http2/5.1.2/1", "5.1.2", "one stream too many is PROTOCOL_ERROR or REFUSED_STREAM",
      [.settings([(.initialWindowSize, 0)])]
        + (0...concurrentStreamsMax).map { .headers(2 * $0 + 1, Request.get, end: true) },
      .streamError([.protocolError, .refusedStream])),
  ]

  static let errorsAndExtensions: [Rule] = [
    Rule(
      "http2/5.3.1/1", "RFC 7540, 5.3.1", "HEADERS that depend on themselves are PROTOCOL_ERROR",
      [.getDepending(on: 1)], .streamError(.protocolError)),
    Rule(
      "http2/5.3.1/2", "RFC 7540, 5.3.1", "PRIORITY that depends on itself is PROTOCOL_ERROR",
      [.priority(1, dependsOn: 1)], .streamError(.protocolError)),
    Rule(
      "http2/5.4.1/1", "5.4.1", "the TCP connection ends after a connection error",
      [Frame(kind: Frame.Kind.ping, stream: 3, payload: padding(8))], .end),
    Rule(
      "http2/5.4.1/2", "5.4.1", "a connection error is told by GOAWAY",
      [Frame(kind: Frame.Kind.ping, stream: 3, payload: padding(8))],
      .connectionError(.protocolError)),
    Rule(
      "http2/5.5/1", "5.5", "an unknown extension frame is ignored",
      [.unknown, .ping()], .pong(.ping())),
    Rule(
      "http2/5.5/2", "5.5", "an extension frame inside a header block is PROTOCOL_ERROR",
      [.headers(1, Request.get, end: true, endHeaders: false), .unknown],
      .connectionError(.protocolError)),
    Rule(
      "http2/7/1", "7", "GOAWAY with an unknown error code is like any",
      [.goAway(.unknown)], .end),
    Rule(
      "http2/7/2", "7", "RST_STREAM with an unknown error code is like any",
      [.post, .reset(1, .unknown), .ping()], .pong(.ping())),
  ]
}
