/// RFC 9113, 6.1 to 6.8 and 6.10: what each type of frame may look like.
extension Rule {
  static let dataAndHeaders: [Rule] = [
    Rule(
      "http2/6.1/1", "6.1", "DATA on stream 0 is PROTOCOL_ERROR",
      [.data(0, "test", end: true)], .connectionError(.protocolError)),
    Rule(
      "http2/6.1/2", "6.1", "DATA after the end of the request is STREAM_CLOSED",
      [.headers(1, Request.post, end: true), .data(1, "test", end: true)],
      .streamError(.streamClosed)),
    Rule(
      "http2/6.1/3", "6.1", "DATA with more padding than payload is PROTOCOL_ERROR",
      [
        .headers(1, Request.post(adding: ("content-length", "4")), end: false),
        Frame(
          kind: Frame.Kind.data, flags: Frame.Flag.padded | Frame.Flag.endStream, stream: 1,
          payload: [6] + Array("test".utf8)),
      ], .connectionError(.protocolError)),
    Rule(
      "http2/6.2/1", "6.2", "PRIORITY between HEADERS and CONTINUATION is PROTOCOL_ERROR",
      [
        .headers(1, Request.get, end: false, endHeaders: false), .priority(1),
        .continuation(1, Request.largeFields(1), endHeaders: true),
      ], .connectionError(.protocolError)),
    Rule(
      "http2/6.2/2", "6.2", "HEADERS of another stream before END_HEADERS are PROTOCOL_ERROR",
      [
        .headers(1, Request.get, end: false, endHeaders: false),
        .headers(3, Request.get, end: true),
        .continuation(1, Request.largeFields(1), endHeaders: true),
      ], .connectionError(.protocolError)),
    Rule(
      "http2/6.2/3", "6.2", "HEADERS on stream 0 are PROTOCOL_ERROR",
      [.headers(0, Request.get, end: true)], .connectionError(.protocolError)),
    Rule(
      "http2/6.2/4", "6.2", "HEADERS with more padding than payload are PROTOCOL_ERROR",
      [
        Frame(
          kind: Frame.Kind.headers,
          flags: Frame.Flag.padded | Frame.Flag.endStream | Frame.Flag.endHeaders, stream: 1,
          payload: [UInt8(Request.get.count + 2)] + Request.get)
      ], .streamError(.protocolError)),
    Rule(
      "http2/6.3/1", "6.3", "PRIORITY on stream 0 is PROTOCOL_ERROR",
      [.priority(0)], .connectionError(.protocolError)),
    Rule(
      "http2/6.3/2", "6.3", "PRIORITY of other than 5 octets is FRAME_SIZE_ERROR",
      [.get, Frame(kind: Frame.Kind.priority, stream: 1, payload: [0x80, 0, 0, 1])],
      .streamError(.frameSizeError)),
    Rule(
      "http2/6.4/1", "6.4", "RST_STREAM on stream 0 is PROTOCOL_ERROR",
      [.reset(0, .cancel)], .connectionError(.protocolError)),
    Rule(
      "http2/6.4/2", "6.4", "RST_STREAM on an idle stream is PROTOCOL_ERROR",
      [.reset(1, .cancel)], .connectionError(.protocolError)),
    Rule(
      "http2/6.4/3", "6.4", "RST_STREAM of other than 4 octets is FRAME_SIZE_ERROR",
      [.get, Frame(kind: Frame.Kind.reset, stream: 1, payload: padding(3))],
      .connectionError(.frameSizeError)),
  ]

  static let settingsFrames: [Rule] = [
    Rule(
      "http2/6.5/1", "6.5", "a SETTINGS acknowledgement with a payload is FRAME_SIZE_ERROR",
      [
        Frame(
          kind: Frame.Kind.settings, flags: Frame.Flag.acknowledgement, payload: padding(1))
      ], .connectionError(.frameSizeError)),
    Rule(
      "http2/6.5/2", "6.5", "SETTINGS on a stream are PROTOCOL_ERROR",
      [
        Frame(
          kind: Frame.Kind.settings, stream: 1,
          payload: Frame.settings([(.maxConcurrentStreams, 100)]).payload)
      ], .connectionError(.protocolError)),
    Rule(
      "http2/6.5/3", "6.5", "SETTINGS of no multiple of 6 octets are FRAME_SIZE_ERROR",
      [
        Frame(
          kind: Frame.Kind.settings, payload: [0, 3, 0, 0, 0, 100, 0, 2], claimedBytes: 9)
      ], .connectionError(.frameSizeError)),
    Rule(
      "http2/6.5.2/1", "6.5.2", "ENABLE_PUSH of other than 0 and 1 is PROTOCOL_ERROR",
      [.settings([(.enablePush, 2)])], .connectionError(.protocolError)),
    Rule(
      "http2/6.5.2/2", "6.5.2", "INITIAL_WINDOW_SIZE above 2^31-1 is FLOW_CONTROL_ERROR",
      [.settings([(.initialWindowSize, 1 << 31)])], .connectionError(.flowControlError)),
    Rule(
      "http2/6.5.2/3", "6.5.2", "MAX_FRAME_SIZE below 2^14 is PROTOCOL_ERROR",
      [.settings([(.maxFrameSize, 16_383)])], .connectionError(.protocolError)),
    Rule(
      "http2/6.5.2/4", "6.5.2", "MAX_FRAME_SIZE above 2^24-1 is PROTOCOL_ERROR",
      [.settings([(.maxFrameSize, 1 << 24)])], .connectionError(.protocolError)),
    Rule(
      "http2/6.5.2/5", "6.5.2", "an unknown setting is ignored",
      [.settings([(.unknown, 1)]), .ping()], .pong(.ping())),
    Rule(
      "http2/6.5.3/1", "6.5.3", "values are taken in the order of the frame",
      [
        .send([.settings([(.initialWindowSize, 100), (.initialWindowSize, 1)])]),
        .expect(.settingsAcknowledgement), .send([.get]), .expect(.data(octets: 1)),
      ]),
    Rule(
      "http2/6.5.3/2", "6.5.3", "SETTINGS are acknowledged at once",
      [.settings([(.enablePush, 0)])], .settingsAcknowledgement),
  ]

  static let pingAndGoAway: [Rule] = [
    Rule(
      "http2/6.7/1", "6.7", "a PING is answered with its payload",
      [.ping("payload!")], .pong(.ping("payload!"))),
    Rule(
      "http2/6.7/2", "6.7", "a PING acknowledgement is not answered",
      [.ping("unasked.", flags: Frame.Flag.acknowledgement), .ping("asked...")],
      .pong(.ping("asked..."))),
    Rule(
      "http2/6.7/3", "6.7", "PING on a stream is PROTOCOL_ERROR",
      [Frame(kind: Frame.Kind.ping, stream: 1, payload: padding(8))],
      .connectionError(.protocolError)),
    Rule(
      "http2/6.7/4", "6.7", "PING of other than 8 octets is FRAME_SIZE_ERROR",
      [Frame(kind: Frame.Kind.ping, payload: padding(6))], .connectionError(.frameSizeError)),
    Rule(
      "http2/6.8/1", "6.8", "GOAWAY on a stream is PROTOCOL_ERROR",
      [.goAway(.noError, stream: 1)], .connectionError(.protocolError)),
  ]

  static let continuationFrames: [Rule] = [
    Rule(
      "http2/6.10/1", "6.10", "large CONTINUATION frames after HEADERS are accepted",
      [
        .headers(1, Request.get, end: true, endHeaders: false),
        .continuation(1, Request.largeFields(1), endHeaders: false),
        .continuation(1, Request.largeFields(1), endHeaders: true),
      ], .response(1)),
    Rule(
      "http2/6.10/2", "6.10", "another frame before END_HEADERS is PROTOCOL_ERROR",
      [
        .headers(1, Request.post, end: false, endHeaders: false),
        .continuation(1, Request.largeFields(1), endHeaders: false),
        .data(1, "test", end: true),
      ], .connectionError(.protocolError)),
    Rule(
      "http2/6.10/3", "6.10", "CONTINUATION on stream 0 is PROTOCOL_ERROR",
      [
        .headers(1, Request.get, end: true, endHeaders: false),
        .continuation(0, Request.largeFields(1), endHeaders: true),
      ], .connectionError(.protocolError)),
    Rule(
      "http2/6.10/4", "6.10", "CONTINUATION after HEADERS with END_HEADERS is PROTOCOL_ERROR",
      [.get, .continuation(1, Request.largeFields(1), endHeaders: true)],
      .connectionError(.protocolError)),
    Rule(
      "http2/6.10/5", "6.10", "CONTINUATION after one with END_HEADERS is PROTOCOL_ERROR",
      [
        .headers(1, Request.get, end: true, endHeaders: false),
        .continuation(1, Request.largeFields(1), endHeaders: true),
        .continuation(1, Request.largeFields(1), endHeaders: true),
      ], .connectionError(.protocolError)),
    Rule(
      "http2/6.10/6", "6.10", "DATA between HEADERS and CONTINUATION is PROTOCOL_ERROR",
      [
        .headers(1, Request.post, end: false, endHeaders: false), .data(1, "test", end: true),
        .continuation(1, Request.largeFields(1), endHeaders: false),
        .continuation(0, Request.largeFields(1), endHeaders: true),
      ], .connectionError(.protocolError)),
  ]
}
