import NIOCore

/// One stream of a session; belongs to the thread of its session.
package final class HTTP2Stream {
  /// What is little left to send: enough to keep the connection busy until there is more.
  package static let drainedBytes = 32 << 10

  /// How our half of the stream ends once the queued bytes are sent.
  enum End {
    case open
    case endOfStream
    case trailers(HeaderFields)
  }

  @exclusivity(unchecked) package internal(set) var id: Int32
  /// What the session's owner keeps with the stream.
  @exclusivity(unchecked) package var attachment: AnyObject?
  /// The peer has ended its half.
  @exclusivity(unchecked) package internal(set) var isRemoteEnded = false
  @exclusivity(unchecked) package internal(set) var isClosed = false
  /// The peer sent RST_STREAM.
  @exclusivity(unchecked) package internal(set) var isResetByPeer = false
  /// Asks for one `drained` event, at `drainedBytes` waiting or fewer.
  @exclusivity(unchecked) package var notifyWhenDrained = false

  /// Place in the session's table of live streams.
  @exclusivity(unchecked) var slot = -1
  @exclusivity(unchecked) var outbound = OutboundQueue()
  @exclusivity(unchecked) var end = End.open
  /// nghttp2 asked for bytes when there were none and waits to be told of new ones.
  @exclusivity(unchecked) var isDeferred = false
  /// A reset that we asked for isn't the peer's fault.
  @exclusivity(unchecked) var isResetRequested = false
  /// A client has seen the final response header: what follows are trailers.
  @exclusivity(unchecked) var hasFinalHeader = false

  init(id: Int32) {
    self.id = id
  }

  /// Body bytes that wait for the peer's window.
  package var outboundBytes: Int { outbound.byteCount }
}

/// Body bytes in the order they are to be sent, without joining them.
struct OutboundQueue {
  private var first = ByteBuffer()
  private var rest: CircularBuffer<ByteBuffer>?
  private(set) var byteCount = 0

  mutating func append(_ buffer: ByteBuffer) {
    byteCount += buffer.readableBytes
    if first.readableBytes == 0 {
      first = buffer
    } else {
      rest = rest ?? CircularBuffer(initialCapacity: 4)
      rest?.append(buffer)
    }
  }

  /// Moves the first `count` bytes, which must be queued, to the end of `output`.
  mutating func move(_ count: Int, to output: inout ByteBuffer) {
    var left = min(count, byteCount)
    byteCount -= left
    while left > 0 {
      let part = min(left, first.readableBytes)
      first.withUnsafeReadableBytes { bytes in
        _ = output.writeBytes(UnsafeRawBufferPointer(rebasing: bytes.prefix(part)))
      }
      first.moveReaderIndex(forwardBy: part)
      left -= part
      if first.readableBytes == 0 { first = rest?.popFirst() ?? ByteBuffer() }
    }
  }
}
