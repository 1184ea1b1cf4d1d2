package import NIOCore

/// What received or sent bytes meant for the streams of a connection, in order.
package enum HTTP2Event {
  /// A request's or final response's header fields are complete. Informational (1xx) responses are
  /// skipped.
  case header(HTTP2Stream, HeaderBlock, endOfStream: Bool)
  /// Body bytes, a slice of what was received; give the credit back with `HTTP2Session.consumed`.
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
  /// The peer leaves; streams above `lastStreamID` were not processed and close as refused. `reason`
  /// is the peer's text, cut and made printable.
  case goAway(lastStreamID: Int32, ErrorCode, reason: String)
}
