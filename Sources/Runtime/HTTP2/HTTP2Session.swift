import CNghttp2
package import NIOCore

/// One HTTP/2 connection's framing, with no I/O and for one thread at a time.
///
/// nghttp2 calls back while it parses and while it packs. Callbacks only append to lists: no code
/// of the owner runs until `receive` or `drain` has returned and the owner asks for the next event.
package final class HTTP2Session {
  package enum Role: Sendable {
    case client
    case server
  }

  /// How much `drain` packs before it returns.
  package static let drainBytesMax = 128 << 10

  package let role: Role
  private let memory = SessionMemory()
  let state: UnsafeMutablePointer<SessionState>

  package init(_ role: Role, _ limits: HTTP2Limits) throws(HTTP2Error) {
    self.role = role
    state = .allocate(capacity: 1)
    state.initialize(to: SessionState(role, limits))
    state.pointee.handle = try SessionOptions(limits).makeSession(role, state, memory)
    try submitSettings(limits)
  }

  deinit {
    nghttp2_session_del(handle)
    // Some records hold a reference.
    while nextEvent() != nil {}
    state.deinitialize(count: 1)
    state.deallocate()
  }

  var handle: OpaquePointer? { state.pointee.handle }

  // MARK: Bytes in, bytes out

  /// Feeds bytes from the peer; take what they meant with `nextEvent`, also when this throws.
  package func receive(_ bytes: ByteBuffer) throws(HTTP2Error) {
    guard !state.pointee.isSwept else { return }
    state.pointee.settleRecords()
    if !isReceivingHeaderBlock { state.pointee.headers.clear() }
    state.pointee.input = bytes
    let consumed = bytes.withUnsafeReadableBytes { buffer in
      state.pointee.inputStart = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
      return role == .server ? feedAsServer(buffer) : feed(buffer[...])
    }
    state.pointee.inputStart = nil
    guard consumed >= 0 else { throw HTTP2Error(library: consumed) }
  }

  /// Packs what may be sent into `output`, up to about `drainBytesMax`. Streams may close thereby,
  /// and others may have little left to send: see `nextEvent`.
  package func drain() throws(HTTP2Error) {
    guard !state.pointee.isSwept else { return }
    while state.pointee.output.readableBytes < Self.drainBytesMax {
      var start: UnsafePointer<UInt8>?
      let count = nghttp2_session_mem_send(handle, &start)
      guard count >= 0 else { throw HTTP2Error(library: count) }
      if count > 0 {
        state.pointee.output.writeBytes(UnsafeRawBufferPointer(start: start, count: count))
      } else if !resetStreamsEndedBeforePeer() {
        break
      }
    }
  }

  /// Packed bytes to be sent; take them, then `clear` it.
  package var output: ByteBuffer {
    get { state.pointee.output }
    _modify { yield &state.pointee.output }
  }

  /// What has happened since, in order; nil when all was taken.
  package func nextEvent() -> HTTP2Event? { state.pointee.nextEvent() }

  /// Nothing more will be read or sent: the connection may be closed.
  package var isFinished: Bool {
    nghttp2_session_want_read(handle) == 0 && nghttp2_session_want_write(handle) == 0
  }

  /// Ends every live stream, because the connection has ended; the session does nothing after it.
  package func sweep() {
    state.pointee.isSwept = true
    for case let stream? in state.pointee.streams { state.pointee.close(stream, .cancel) }
  }

  /// Lets go of what a connection needs only while it has calls.
  package func releaseIdleBuffers() {
    state.pointee.output = ByteBuffer()
    state.pointee.headers.release()
    memory.trim()
  }

  /// A response that is over before its request: the client should stop sending (RFC 9113, 8.1).
  private func resetStreamsEndedBeforePeer() -> Bool {
    guard !state.pointee.endedBeforePeer.isEmpty else { return false }
    for stream in state.pointee.endedBeforePeer where !stream.isClosed && !stream.isRemoteEnded {
      reset(stream, .noError)
    }
    state.pointee.endedBeforePeer.removeAll(keepingCapacity: true)
    return true
  }

  // MARK: What it has counted

  package var streamCount: Int { state.pointee.streamCount }
  package var liveStreams: [HTTP2Stream] { state.pointee.streams.compactMap { $0 } }
  /// Body bytes of all streams that wait for the peer.
  package var outboundBytes: Int { state.pointee.outboundBytes }
  /// RST_STREAM frames that nghttp2 sent because the peer broke a rule (CVE-2025-8671).
  package var resetsByPeerFault: Int { state.pointee.resetsByPeerFault }
  /// Received frames that ask for nothing, and frames of calls both ways: what the former may be is
  /// measured by the latter.
  package var idleFrames: Int { state.pointee.idleFrames }
  package var callFrames: Int { state.pointee.callFrames }
  /// Frames of calls both ways, and the peer's WINDOW_UPDATEs: what shows that the connection is
  /// used.
  package var trafficFrames: Int { state.pointee.callFrames + state.pointee.windowUpdates }
  /// HEADERS has begun and its block is not complete.
  package var isReceivingHeaderBlock: Bool { state.pointee.isReceivingHeaderBlock }
  /// nghttp2's words for the last rule that the peer broke.
  package var lastProblem: String? { state.pointee.lastProblem }
}

extension HTTP2Session {
  /// Feeds nghttp2 what a client sent, up to a frame on a stream that the client has ended before:
  /// nghttp2 would ignore it.
  func feedAsServer(_ bytes: UnsafeRawBufferPointer) -> Int {
    let openedBefore = state.pointee.closedStreams.lastOpened
    var fed = 0
    var offset = 0
    var hasReset = false
    while let head = state.pointee.frameHeads.next(in: bytes, &offset) {
      if UInt32(head.kind) > NGHTTP2_CONTINUATION.rawValue { state.pointee.idleFrames += 1 }
      // Even streams and the connection's are for nghttp2 to judge.
      guard head.stream % 2 == 1 else { continue }
      switch UInt32(head.kind) {
      case NGHTTP2_RST_STREAM.rawValue:
        hasReset = true
        continue
      case NGHTTP2_HEADERS.rawValue:
        if state.pointee.closedStreams.open(head.stream) { continue }
      case NGHTTP2_DATA.rawValue:
        if head.stream > openedBefore, !hasReset { continue }
      default: continue
      }
      guard hasReset || !isLive(head.stream) else { continue }
      // Frames before it in this piece may open the stream, or end it.
      let start = max(fed, offset - FrameHeads.headBytes)
      let result = feed(bytes[fed..<start])
      guard result >= 0 else { return result }
      fed = start
      hasReset = false
      if !isLive(head.stream), let code = state.pointee.closedStreams.error(head.stream) {
        state.pointee.lastProblem = "a frame on a closed stream"
        terminate(code)
        return bytes.count
      }
    }
    return feed(bytes[fed...])
  }

  func feed(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int {
    guard !bytes.isEmpty else { return 0 }
    let part = UnsafeRawBufferPointer(rebasing: bytes)
    return nghttp2_session_mem_recv(
      handle, part.baseAddress?.assumingMemoryBound(to: UInt8.self), part.count)
  }

  private func isLive(_ id: Int32) -> Bool {
    state.pointee.stream(id) != nil
  }
}
