/// What must come from the server.
///
/// These are the verdicts of h2spec, made a little stricter: it takes a connection's bare end for
/// any error, we want the GOAWAY that names the error first.
enum Expectation: Sendable {
  /// A connection error (RFC 9113, 5.4.1): GOAWAY with one of these codes, then the end.
  case connectionError([Code])
  /// A stream error (RFC 9113, 5.4.2), or the same made a connection error.
  case streamError([Code])
  /// RST_STREAM and nothing less.
  case reset(UInt32, Code)
  /// The end of the connection, whatever comes before.
  case end
  /// The first header fields that come are those of this stream.
  case response(UInt32)
  /// The same, and the stream is over with them.
  case emptyResponse(UInt32)
  /// The response of this stream comes to its end.
  case wholeResponse(UInt32)
  /// The first DATA frame that comes has exactly this many octets.
  case data(octets: Int)
  /// The first PING is the answer to this one.
  case pong(Frame)
  case settings
  case settingsAcknowledgement

  static func connectionError(_ code: Code) -> Expectation { .connectionError([code]) }
  static func streamError(_ code: Code) -> Expectation { .streamError([code]) }

  enum Verdict: Equatable {
    case kept
    case broken
    /// This frame says nothing about the rule.
    case undecided
  }

  /// `last` is the last GOAWAY before this observation, if there was one.
  func verdict(on observation: Observation, after goAway: Code?) -> Verdict {
    switch observation {
    case .silence, .cut: return .broken
    case .closed: return verdict(onCloseAfter: goAway)
    case .frame(let frame): return verdict(on: frame)
    }
  }

  private func verdict(onCloseAfter goAway: Code?) -> Verdict {
    switch self {
    case .end: return .kept
    case .connectionError(let codes), .streamError(let codes):
      guard let goAway else { return .broken }
      return codes.contains(goAway) ? .kept : .broken
    default: return .broken
    }
  }

  private func verdict(on frame: Frame) -> Verdict {
    switch (self, frame.kind) {
    case (.streamError(let codes), Frame.Kind.reset):
      return codes.contains(Code(rawValue: frame.number(at: 0))) ? .kept : .broken
    case (.reset(let stream, let code), Frame.Kind.reset):
      return frame.stream == stream && frame.number(at: 0) == code.rawValue ? .kept : .broken
    case (.response(let stream), Frame.Kind.headers):
      return frame.stream == stream ? .kept : .broken
    case (.emptyResponse(let stream), Frame.Kind.headers):
      return frame.stream == stream && frame.has(Frame.Flag.endStream) ? .kept : .broken
    case (.wholeResponse(let stream), Frame.Kind.headers),
      (.wholeResponse(let stream), Frame.Kind.data):
      return frame.stream == stream && frame.has(Frame.Flag.endStream) ? .kept : .undecided
    case (.wholeResponse, Frame.Kind.reset): return .broken
    case (.data(let octets), Frame.Kind.data):
      return frame.payload.count == octets ? .kept : .broken
    case (.pong(let ping), Frame.Kind.ping):
      return frame.has(Frame.Flag.acknowledgement) && frame.payload == ping.payload
        ? .kept : .broken
    case (.settings, Frame.Kind.settings):
      return frame.has(Frame.Flag.acknowledgement) ? .broken : .kept
    case (.settings, _): return .broken
    case (.settingsAcknowledgement, Frame.Kind.settings):
      return frame.has(Frame.Flag.acknowledgement) ? .kept : .broken
    default: return .undecided
    }
  }
}
