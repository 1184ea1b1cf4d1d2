internal import CNghttp2
internal import NIOCore

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
