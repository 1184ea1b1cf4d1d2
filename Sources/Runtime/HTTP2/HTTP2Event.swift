package import NIOCore

/// What received or sent bytes meant for the streams of a connection, in order.
package enum HTTP2Event {
  /// A request's or final response's header fields are complete.
  case header(HTTP2Stream, HeaderBlock, endOfStream: Bool)
  /// The header fields of an interim (1xx) response; the final one is still to come.
  case interim(HTTP2Stream, HeaderBlock)
  /// Body bytes, a slice of what was received; give the credit back with
  /// `consumedOnStream` and `consumedOnConnection`.
  case data(HTTP2Stream, ByteBuffer)
  /// Trailer fields; they end the peer's half of the stream.
  case trailer(HTTP2Stream, HeaderBlock)
  /// The peer's half of the stream ended without trailers.
  case endOfStream(HTTP2Stream)
  /// A stream whose owner asked (`notifyWhenDrained`) has little left to send.
  case drained(HTTP2Stream)
  /// Both halves are over: `noError` after a regular end, else a reset of either side. The last
  /// event of a stream.
  case closed(HTTP2Stream, ErrorCode)
  /// The peer's SETTINGS changed.
  case settings
  /// The peer's PING, which nghttp2 answers.
  case ping
  case pingAcknowledged(UInt64)
  /// The peer leaves; streams above `lastStreamID` were not processed and close as refused.
  /// `reason` is the peer's text, cut and made printable.
  case goAway(lastStreamID: Int32, ErrorCode, reason: String)
}

/// An event as callbacks note it, without a counted reference or a copy; it becomes an `HTTP2Event`
/// when the owner asks for it.
struct EventRecord {
  enum Kind {
    /// `start` and `byteCount` are a header block's place.
    case header, interim, trailer
    /// They are a place within the bytes that were fed.
    case data
    case endOfStream, drained
    /// `number` is an `ErrorCode`; the record holds the reference that the table of streams had.
    case closed
    case settings, ping
    /// `number` is the payload.
    case pingAcknowledged
    /// The whole is the first of `SessionState.goAways`.
    case goAway
  }

  var kind: Kind
  var stream: Unmanaged<HTTP2Stream>?
  var endOfStream = false
  var isTooLarge = false
  var start = 0
  var byteCount = 0
  var number: UInt64 = 0
}
