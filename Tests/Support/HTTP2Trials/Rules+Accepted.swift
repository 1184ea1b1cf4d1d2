/// What every server must take without complaint.
extension Rule {
  static let accepted: [Rule] = [
    Rule(
      "generic/1/1", "3.4", "the server's first frame is its SETTINGS", greets: false,
      [.sendBytes(RawConnection.preface), .send([.settings([])]), .expect(.settings)]),
    Rule(
      "generic/2/1", "5.1", "PRIORITY on an idle stream is accepted",
      [.priority(1), .ping()], .pong(.ping())),
    Rule(
      "generic/2/2", "5.1", "WINDOW_UPDATE on a half-closed (remote) stream lets the body go on",
      [.settings([(.initialWindowSize, 0)]), .get, .windowUpdate(1, 1)], .data(octets: 1)),
    Rule(
      "generic/2/3", "5.1", "PRIORITY on a half-closed (remote) stream is accepted",
      [.settings([(.initialWindowSize, 0)]), .get, .priority(1), .windowUpdate(1, 1)],
      .data(octets: 1)),
    Rule(
      "generic/2/4", "5.1", "RST_STREAM on a half-closed (remote) stream is accepted",
      [.get, .reset(1, .cancel), .ping()], .pong(.ping())),
    Rule(
      "generic/2/5", "5.1", "PRIORITY on a closed stream is accepted",
      [
        .send([.get]), .expect(.wholeResponse(1)), .send([.priority(1), .ping()]),
        .expect(.pong(.ping())),
      ]),
    Rule(
      "generic/3.1/1", "6.1", "a DATA frame is accepted",
      [.post, .data(1, "test", end: true)], .response(1)),
    Rule(
      "generic/3.1/2", "6.1", "several DATA frames are accepted",
      [.post, .data(1, "test", end: false), .data(1, "test", end: true)], .response(1)),
    Rule(
      "generic/3.1/3", "6.1", "padded DATA is accepted",
      [
        .post,
        Frame(
          kind: Frame.Kind.data, flags: Frame.Flag.padded | Frame.Flag.endStream, stream: 1,
          payload: [6] + Array("test".utf8) + padding(6)),
      ], .response(1)),
    Rule("generic/3.2/1", "6.2", "a HEADERS frame is accepted", [.get], .response(1)),
    Rule(
      "generic/3.2/2", "6.2", "padded HEADERS are accepted",
      [
        Frame(
          kind: Frame.Kind.headers,
          flags: Frame.Flag.padded | Frame.Flag.endStream | Frame.Flag.endHeaders, stream: 1,
          payload: [8] + Request.get + padding(8))
      ], .response(1)),
    Rule(
      "generic/3.2/3", "6.2", "HEADERS with a priority are accepted",
      [.getDepending(on: 0)], .response(1)),
    Rule(
      "generic/3.3/1", "6.3", "a PRIORITY frame of weight 1 is accepted",
      [.priority(1, weight: 0), .get], .response(1)),
    Rule(
      "generic/3.3/2", "6.3", "a PRIORITY frame of weight 256 is accepted",
      [.priority(1, weight: 255), .get], .response(1)),
    Rule(
      "generic/3.3/3", "6.3", "a PRIORITY frame with a dependency is accepted",
      [.priority(3, dependsOn: 1, weight: 0), .get], .response(1)),
    Rule(
      "generic/3.3/4", "6.3", "an exclusive PRIORITY frame is accepted",
      [.priority(1, weight: 0, exclusive: true), .get], .response(1)),
    Rule(
      "generic/3.3/5", "6.3", "PRIORITY of a later stream doesn't close an earlier one",
      [.priority(3), .get], .response(1)),
    Rule(
      "generic/3.4/1", "6.4", "RST_STREAM on an open stream is accepted",
      [.openGet, .reset(1, .cancel), .ping()], .pong(.ping())),
    Rule(
      "generic/3.5/1", "6.5", "SETTINGS are acknowledged",
      [
        .settings([
          (.headerTableSize, 4096), (.enablePush, 1), (.maxConcurrentStreams, 100),
          (.initialWindowSize, 65_535), (.maxFrameSize, 16_384), (.maxHeaderListSize, 100),
        ])
      ], .settingsAcknowledgement),
    Rule(
      "generic/3.7/1", "6.7", "a PING is answered", [.ping("h2 spec.")], .pong(.ping("h2 spec."))),
    Rule(
      "generic/3.8/1", "6.8", "GOAWAY ends an idle connection",
      [.goAway(.noError, reason: "bye")], .end),
    Rule(
      "generic/3.9/1", "6.9", "WINDOW_UPDATE of the connection is accepted",
      [.windowUpdate(0, 1), .ping()], .pong(.ping())),
    Rule(
      "generic/3.9/2", "6.9", "WINDOW_UPDATE of a stream is accepted",
      [.get, .windowUpdate(1, 1)], .response(1)),
    Rule(
      "generic/3.10/1", "6.10", "a CONTINUATION frame is accepted",
      [
        .headers(1, Array(Request.get.prefix(5)), end: true, endHeaders: false),
        .continuation(1, Array(Request.get.dropFirst(5)), endHeaders: true),
      ], .response(1)),
    Rule(
      "generic/3.10/2", "6.10", "several CONTINUATION frames are accepted",
      [
        .headers(1, Array(Request.get.prefix(5)), end: true, endHeaders: false),
        .continuation(1, Array(Request.get[5..<10]), endHeaders: false),
        .continuation(1, Array(Request.get.dropFirst(10)), endHeaders: true),
      ], .response(1)),
    Rule("generic/4/1", "8.1", "a GET is answered, with a body", [.get], .wholeResponse(1)),
    Rule(
      "generic/4/2", "8.1", "a HEAD is answered, without a body",
      [.headers(1, Request.head, end: true)], .emptyResponse(1)),
    Rule(
      "generic/4/3", "8.1", "a POST is answered",
      [.post, .data(1, "test", end: true)], .wholeResponse(1)),
    Rule(
      "generic/4/4", "8.1", "a POST with trailers is answered",
      [
        .headers(1, Request.post(adding: ("trailer", "x-test")), end: false),
        .data(1, "test", end: false), .headers(1, Request.trailers(("x-test", "ok")), end: true),
      ], .wholeResponse(1)),
  ]

  static func padding(_ octets: Int) -> [UInt8] { Array(repeating: 0, count: octets) }
}

extension Frame {
  /// A plain request on stream 1, which most rules begin with.
  static let get = headers(1, Request.get, end: true)
  /// The same, and it isn't over yet.
  static let openGet = headers(1, Request.get, end: false)
  static let post = headers(1, Request.post, end: false)

  static func getDepending(on parent: UInt32) -> Frame {
    Frame(
      kind: Kind.headers, flags: Flag.priority | Flag.endStream | Flag.endHeaders, stream: 1,
      payload: dependency(on: parent, weight: 255) + Request.get)
  }
}
