/// The heads of frames (RFC 9113, 4.1) in what a client sends, piece by piece.
///
/// nghttp2 shows nobody the frames that it ignores.
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
