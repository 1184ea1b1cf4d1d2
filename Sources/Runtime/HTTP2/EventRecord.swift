/// An event as callbacks note it, without a counted reference or a copy; it becomes an `HTTP2Event`
/// when somebody asks for it.
struct EventRecord {
  enum Kind {
    /// `start` and `byteCount` are a header block's place.
    case header, trailer
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

  let kind: Kind
  var stream: Unmanaged<HTTP2Stream>?
  var endOfStream = false
  var isTooLarge = false
  var start = 0
  var byteCount = 0
  var number: UInt64 = 0
}
