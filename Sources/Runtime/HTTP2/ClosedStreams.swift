/// What a server remembers of streams that are over, in place of nghttp2's list of them: that would
/// take 232 bytes for each of as many streams as may be open.
///
/// A client that sends on a stream which it has ended itself breaks RFC 9113, 5.1. If it was us who
/// ended the stream too early for it, its frames may have been under way: they must be ignored.
struct ClosedStreams {
  private(set) var lastOpened: Int32 = 0
  /// The streams that the last opened one passed over: idle, and to stay so (RFC 9113, 5.1.1).
  private var passedOver: Range<Int32> = 0..<0
  /// Up to this stream frames may be late.
  private var lenientThrough: Int32 = 0

  /// A client begins a request; false when it can't, because the stream's time is over.
  mutating func open(_ id: Int32) -> Bool {
    guard id > lastOpened else { return false }
    if id > lastOpened + 2 { passedOver = lastOpened + 1..<id }
    lastOpened = id
    return true
  }

  /// We reset the stream, or refuse it: what the client has sent on it meanwhile is no fault.
  mutating func reset(_ id: Int32) {
    lenientThrough = max(lenientThrough, id)
  }

  /// We sent GOAWAY: nghttp2 ignores requests that come after it, and their bodies are no fault.
  mutating func leave() {
    lenientThrough = .max
  }

  /// The error that a frame on a stream is which isn't live; nil if it may be late, or is for
  /// nghttp2 to judge.
  func error(_ id: Int32) -> ErrorCode? {
    guard id <= lastOpened, id > lenientThrough else { return nil }
    return passedOver.contains(id) ? .protocolError : .streamClosed
  }
}
