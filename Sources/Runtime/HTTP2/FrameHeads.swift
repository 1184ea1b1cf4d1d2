/// The heads of frames (RFC 9113, 4.1) in what a client sends, piece by piece.
///
/// nghttp2 doesn't show the frames that it ignores.
struct FrameHeads {
  struct Head {
    let kind: UInt8
    let stream: Int32
  }

  static let headBytes = 9
  private static let prefaceBytes = 24
  /// Length, type and flags come before the stream.
  private static let bytesBeforeStream = 5

  /// Bytes before the next head.
  private var skippedBytes = FrameHeads.prefaceBytes
  // A head that may be cut by the end of a piece.
  private var collectedBytes = 0
  private var beforeStream: UInt64 = 0
  private var stream: UInt32 = 0

  /// The next head that is complete in `bytes`; `offset` is moved behind it, or to the end.
  mutating func next(in bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Head? {
    let skipped = min(skippedBytes, bytes.count - offset)
    skippedBytes -= skipped
    offset += skipped
    if collectedBytes == 0, bytes.count - offset >= Self.headBytes {
      beforeStream =
        UInt64(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self).bigEndian) << 8
      stream =
        bytes.loadUnaligned(
          fromByteOffset: offset + Self.bytesBeforeStream, as: UInt32.self
        ).bigEndian
      offset += Self.headBytes
      return take()
    }
    while offset < bytes.count {
      if collectedBytes < Self.bytesBeforeStream {
        beforeStream = beforeStream << 8 | UInt64(bytes[offset])
      } else {
        stream = stream << 8 | UInt32(bytes[offset])
      }
      offset += 1
      collectedBytes += 1
      if collectedBytes == Self.headBytes { return take() }
    }
    return nil
  }

  private mutating func take() -> Head {
    let head = Head(
      kind: UInt8(truncatingIfNeeded: beforeStream >> 8),
      stream: Int32(truncatingIfNeeded: stream & 0x7FFF_FFFF))
    skippedBytes = Int(beforeStream >> 16)
    collectedBytes = 0
    beforeStream = 0
    stream = 0
    return head
  }
}

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
