/// RFC 9113, 8: requests and their fields.
extension Rule {
  static let messages: [Rule] = [
    Rule(
      "http2/8.1/1", "8.1", "trailers without END_STREAM are malformed",
      [
        .post, .data(1, "test", end: false),
        .headers(1, Request.trailers(("x-test", "ok")), end: false),
      ], .streamError(.protocolError)),
    malformed(
      "http2/8.1.2/1", "8.2.1", "a field name in upper case", Request.get(adding: ("X-TEST", "ok"))),
    malformed(
      "http2/8.1.2.1/1", "8.3", "an unknown pseudo-header field",
      Request.get(adding: (":test", "ok"))),
    malformed(
      "http2/8.1.2.1/2", "8.3", "a pseudo-header field of responses",
      Request.get(adding: (":status", "200"))),
    Rule(
      "http2/8.1.2.1/3", "8.3", "pseudo-header fields in trailers are malformed",
      [
        .post, .data(1, "test", end: false),
        .headers(1, Request.trailers((":method", "POST")), end: false),
      ], .streamError(.protocolError)),
    malformed(
      "http2/8.1.2.1/4", "8.3", "a pseudo-header field after a regular one",
      Request.block([("x-test", "ok")]) + Request.get),
    malformed(
      "http2/8.1.2.2/1", "8.2.2", "a connection-specific field",
      Request.get(adding: ("connection", "keep-alive"))),
    malformed(
      "http2/8.1.2.2/2", "8.2.2", "a te field of other than \"trailers\"",
      Request.get(adding: ("trailers", "test"), ("te", "trailers, deflate"))),
    malformed(
      "http2/8.1.2.3/1", "8.3.1", "an empty :path", Request.get(replacing: ":path", by: "")),
    malformed("http2/8.1.2.3/2", "8.3.1", "no :method", Request.get(without: ":method")),
    malformed("http2/8.1.2.3/3", "8.3.1", "no :scheme", Request.get(without: ":scheme")),
    malformed("http2/8.1.2.3/4", "8.3.1", "no :path", Request.get(without: ":path")),
    malformed(
      "http2/8.1.2.3/5", "8.3.1", "two :method fields", Request.get(adding: (":method", "GET"))),
    malformed(
      "http2/8.1.2.3/6", "8.3.1", "two :scheme fields", Request.get(adding: (":scheme", "http"))),
    malformed(
      "http2/8.1.2.3/7", "8.3.1", "two :path fields", Request.get(adding: (":path", "/"))),
    Rule(
      "http2/8.1.2.6/1", "8.1.1", "a body of another length than content-length is malformed",
      [
        .headers(1, Request.post(adding: ("content-length", "1")), end: false),
        .data(1, "test", end: true),
      ], .streamError(.protocolError)),
    Rule(
      "http2/8.1.2.6/2", "8.1.1", "so is a body of several frames",
      [
        .headers(1, Request.post(adding: ("content-length", "1")), end: false),
        .data(1, "test", end: false), .data(1, "test", end: true),
      ], .streamError(.protocolError)),
    Rule(
      "http2/8.2/1", "8.4", "a client's PUSH_PROMISE is PROTOCOL_ERROR",
      [
        Frame(
          kind: Frame.Kind.pushPromise, flags: Frame.Flag.endHeaders, stream: 1,
          payload: Frame.big(UInt32(3)) + Request.get)
      ], .connectionError(.protocolError)),

    // Beyond h2spec.
    Rule(
      nil, "8.1.1", "a shorter body than content-length is malformed",
      [
        .headers(1, Request.post(adding: ("content-length", "5")), end: false),
        .data(1, "test", end: true),
      ], .streamError(.protocolError)),
    malformed(
      nil, "8.2.1", "a field value with a line feed", Request.get(adding: ("x-test", "a\nb"))),
    malformed(nil, "8.2.1", "a field value with a zero", Request.get(adding: ("x-test", "a\0b"))),
    malformed(nil, "8.2.1", "a field name with a space", Request.get(adding: ("x test", "ok"))),
    malformed(nil, "8.2.1", "an empty field name", Request.get(adding: ("", "ok"))),
    malformed(
      nil, "8.2.2", "a transfer-encoding field",
      Request.get(adding: ("transfer-encoding", "chunked"))),
  ]

  /// A request that is a stream error by itself.
  private static func malformed(
    _ h2spec: String?, _ section: String, _ words: String, _ block: [UInt8]
  ) -> Rule {
    Rule(
      h2spec, section, "\(words) is malformed", [.headers(1, block, end: true)],
      .streamError(.protocolError))
  }
}
