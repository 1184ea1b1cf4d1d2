internal import CNghttp2
package import NIOCore

/// One HTTP/2 connection's framing, with no I/O and for one thread at a time.
///
/// nghttp2 calls back while it parses and while it packs. Callbacks only append to lists: no code of
/// the owner runs until `receive` or `drain` has returned.
package final class HTTP2Session {
  package enum Role: Sendable {
    case client
    case server
  }

  /// How much `drain` packs before it returns.
  package static let drainBytesMax = 128 << 10

  package let role: Role
  let limits: HTTP2Limits
  /// Set in `init`, never nil after it.
  private var session: OpaquePointer?

  // What callbacks append to.
  var events: [HTTP2Event] = []
  var endedBeforePeer: [HTTP2Stream] = []
  /// Packed bytes to be sent; take them, then `clear` it.
  package var output = ByteBuffer()

  /// The header block that is arriving: blocks of several streams never mix (RFC 9113, 4.3).
  var header = HeaderBlock()
  // What is being parsed, so that a body can be a slice of it.
  var input = ByteBuffer()
  var inputStart: UnsafePointer<UInt8>?

  // What a server needs to know of frames that nghttp2 ignores.
  var frameHeads = FrameHeads()
  var closedStreams = ClosedStreams()

  /// Streams that nghttp2 has or will have, by slot: nghttp2 doesn't say good-bye to them when a
  /// session is deleted, and keeps only an unretained pointer to each.
  var streams: [HTTP2Stream?] = []
  private var freeSlots: [Int] = []
  package private(set) var streamCount = 0
  /// After `sweep` nghttp2 must not run again: it points to streams that are gone.
  private var isSwept = false
  /// Body bytes of all streams that wait for the peer.
  package internal(set) var outboundBytes = 0
  /// RST_STREAM frames that nghttp2 sent because the peer broke a rule (CVE-2025-8671).
  package internal(set) var resetsByPeerFault = 0
  /// Received frames that ask for nothing, and frames of calls both ways: what the former may be is
  /// measured by the latter.
  package internal(set) var idleFrames = 0
  package internal(set) var callFrames = 0
  /// HEADERS has begun and its block is not complete.
  package internal(set) var isReceivingHeaderBlock = false
  /// nghttp2's words for the last rule that the peer broke.
  package internal(set) var lastProblem: String?

  package init(_ role: Role, _ limits: HTTP2Limits) throws(HTTP2Error) {
    self.role = role
    self.limits = limits
    session = try SessionOptions(limits).makeSession(role, owner: self)
    try submitSettings()
  }

  deinit { nghttp2_session_del(session) }

  /// nghttp2's handle; the C calls accept nil, and it is only nil when `init` failed.
  var handle: OpaquePointer? { session }

  // MARK: Bytes in, bytes out

  /// Feeds bytes from the peer; what they meant is appended to `events`.
  package func receive(
    _ bytes: ByteBuffer, events: inout [HTTP2Event]
  ) throws(HTTP2Error) {
    guard !isSwept else { return }
    swap(&self.events, &events)
    input = bytes
    let consumed = bytes.withUnsafeReadableBytes { buffer in
      inputStart = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
      return role == .server ? feedAsServer(buffer) : feed(buffer[...])
    }
    inputStart = nil
    input = ByteBuffer()
    swap(&self.events, &events)
    guard consumed >= 0 else { throw HTTP2Error(library: consumed) }
  }

  /// Packs what may be sent into `output`, up to about `drainBytesMax`; closed streams are appended
  /// to `events`.
  package func drain(events: inout [HTTP2Event]) throws(HTTP2Error) {
    guard !isSwept else { return }
    swap(&self.events, &events)
    defer { swap(&self.events, &events) }
    while output.readableBytes < Self.drainBytesMax {
      var start: UnsafePointer<UInt8>?
      let count = nghttp2_session_mem_send(session, &start)
      guard count >= 0 else { throw HTTP2Error(library: count) }
      if count > 0 {
        output.writeBytes(UnsafeRawBufferPointer(start: start, count: count))
      } else if !resetStreamsEndedBeforePeer() {
        break
      }
    }
  }

  /// Nothing more will be read or sent: the connection may be closed.
  package var isFinished: Bool {
    nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
  }

  package var wantsToSend: Bool { nghttp2_session_want_write(session) != 0 }

  /// Ends every live stream, because the connection has ended; the session does nothing after it.
  package func sweep(events: inout [HTTP2Event]) {
    isSwept = true
    for case let stream? in streams {
      forget(stream)
      events.append(.closed(stream, .cancel))
    }
  }

  /// A response that is over before its request: the client should stop sending (RFC 9113, 8.1).
  private func resetStreamsEndedBeforePeer() -> Bool {
    guard !endedBeforePeer.isEmpty else { return false }
    for stream in endedBeforePeer where !stream.isClosed && !stream.isRemoteEnded {
      reset(stream, .noError)
    }
    endedBeforePeer.removeAll(keepingCapacity: true)
    return true
  }

  // MARK: Live streams

  package var liveStreams: [HTTP2Stream] { streams.compactMap { $0 } }

  func remember(_ stream: HTTP2Stream) {
    streamCount += 1
    if let slot = freeSlots.popLast() {
      stream.slot = slot
      streams[slot] = stream
    } else {
      stream.slot = streams.count
      streams.append(stream)
    }
  }

  /// Tells the owner, once: nghttp2 may have more than one word for the end of a stream.
  func close(_ stream: HTTP2Stream, _ code: ErrorCode) {
    guard !stream.isClosed else { return }
    forget(stream)
    events.append(.closed(stream, code))
  }

  func forget(_ stream: HTTP2Stream) {
    guard !stream.isClosed else { return }
    stream.isClosed = true
    streamCount -= 1
    outboundBytes -= stream.outboundBytes
    streams[stream.slot] = nil
    freeSlots.append(stream.slot)
  }
}
