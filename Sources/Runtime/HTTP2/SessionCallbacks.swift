import CNghttp2
import NIOCore

/// The functions that nghttp2 calls. Each appends to a list of the session or stream and returns.
///
/// They run inside `HTTP2Session.receive` and `drain`, and get the address of the session's state.
enum SessionCallbacks {
  private static let ok: Int32 = 0
  /// Times its limit that a header list may be before it isn't even answered.
  private static let headerListExcessMax = 16
  /// Enough for a sentence.
  private static let problemBytesMax = 160

  static func install(in callbacks: OpaquePointer?) {
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, beginFrame)
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, beginHeaders)
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header)
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frameReceived)
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, dataReceived)
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, streamClosed)
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frameSent)
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, frameNotSent)
    nghttp2_session_callbacks_set_send_data_callback(callbacks, sendData)
    nghttp2_session_callbacks_set_error_callback2(callbacks, problem)
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, invalidFrame)
  }

  private static func state(
    _ userData: UnsafeMutableRawPointer?
  ) -> UnsafeMutablePointer<SessionState>? {
    userData?.assumingMemoryBound(to: SessionState.self)
  }

  private static func hasEnd(_ flags: UInt8) -> Bool {
    UInt32(flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
  }

  private static func isAcknowledgement(_ flags: UInt8) -> Bool {
    UInt32(flags) & NGHTTP2_FLAG_ACK.rawValue != 0
  }

  // MARK: Receiving

  /// Sees the heads of frames that nghttp2 looks into; `feedAsServer` sees the others.
  private static let beginFrame: nghttp2_on_begin_frame_callback = { _, head, userData in
    guard let head = head?.pointee, let state = state(userData) else { return ok }
    switch UInt32(head.type) {
    case NGHTTP2_HEADERS.rawValue:
      state.pointee.isReceivingHeaderBlock = true
      state.pointee.callFrames += 1
    case NGHTTP2_DATA.rawValue where head.length > 0 || hasEnd(head.flags):
      state.pointee.callFrames += 1
    case NGHTTP2_RST_STREAM.rawValue where state.pointee.role == .client:
      // nghttp2 counts only those of clients.
      state.pointee.idleFrames += 1
    case NGHTTP2_CONTINUATION.rawValue, NGHTTP2_RST_STREAM.rawValue, NGHTTP2_GOAWAY.rawValue:
      break  // These have limits of their own.
    case NGHTTP2_WINDOW_UPDATE.rawValue:
      state.pointee.windowUpdates += 1
      state.pointee.idleFrames += 1
    case ...NGHTTP2_CONTINUATION.rawValue: state.pointee.idleFrames += 1
    default: break
    }
    return ok
  }

  private static let beginHeaders: nghttp2_on_begin_headers_callback = { session, frame, userData in
    guard let frame, let state = state(userData) else { return ok }
    state.pointee.headers.begin()
    let id = frame.pointee.hd.stream_id
    if frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST, state.pointee.stream(id) == nil {
      let stream = HTTP2Stream(id: id)
      state.pointee.remember(stream)
      nghttp2_session_set_stream_user_data(
        session, id, Unmanaged.passUnretained(stream).toOpaque())
    }
    return ok
  }

  private static let header: nghttp2_on_header_callback = {
    _, _, name, nameBytes, value, valueBytes, _, userData in
    guard let state = state(userData) else { return ok }
    let listBytesMax = state.pointee.limits.headerListBytesMax
    state.pointee.headers.append(
      name: UnsafeRawBufferPointer(start: name, count: nameBytes),
      value: UnsafeRawBufferPointer(start: value, count: valueBytes), listBytesMax: listBytesMax)
    // A few bytes on the wire may stand for many: this stream is reset, without more calls here.
    return state.pointee.headers.listBytes <= listBytesMax * headerListExcessMax
      ? ok : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
  }

  private static let frameReceived: nghttp2_on_frame_recv_callback = { _, frame, userData in
    guard let frame, let state = state(userData) else { return ok }
    let head = frame.pointee.hd
    switch UInt32(head.type) {
    case NGHTTP2_HEADERS.rawValue:
      state.pointee.isReceivingHeaderBlock = false
      guard let stream = state.pointee.stream(head.stream_id) else { return ok }
      headersReceived(state, stream, endOfStream: hasEnd(head.flags))
    case NGHTTP2_DATA.rawValue where hasEnd(head.flags):
      guard let stream = state.pointee.stream(head.stream_id) else { return ok }
      stream._withUnsafeGuaranteedRef { $0.isRemoteEnded = true }
      state.pointee.records.append(EventRecord(kind: .endOfStream, stream: stream))
    case NGHTTP2_DATA.rawValue where head.length > 0 && head.length == frame.pointee.data.padlen:
      // Nothing but padding.
      state.pointee.callFrames -= 1
      state.pointee.idleFrames += 1
    case NGHTTP2_RST_STREAM.rawValue:
      state.pointee.stream(head.stream_id)?._withUnsafeGuaranteedRef { $0.isResetByPeer = true }
    case NGHTTP2_SETTINGS.rawValue where !isAcknowledgement(head.flags):
      state.pointee.records.append(EventRecord(kind: .settings))
    case NGHTTP2_PING.rawValue:
      state.pointee.records.append(
        isAcknowledgement(head.flags)
          ? EventRecord(kind: .pingAcknowledged, number: payload(frame.pointee.ping))
          : EventRecord(kind: .ping))
    case NGHTTP2_GOAWAY.rawValue:
      let goAway = frame.pointee.goaway
      state.pointee.goAways.append(
        .goAway(
          lastStreamID: goAway.last_stream_id, ErrorCode(rawValue: goAway.error_code),
          reason: text(goAway.opaque_data, goAway.opaque_data_len)))
      state.pointee.records.append(EventRecord(kind: .goAway))
    default: break
    }
    return ok
  }

  private static func headersReceived(
    _ state: UnsafeMutablePointer<SessionState>, _ stream: Unmanaged<HTTP2Stream>,
    endOfStream: Bool
  ) {
    stream._withUnsafeGuaranteedRef { object in
      if endOfStream { object.isRemoteEnded = true }
      let kind: EventRecord.Kind = object.hasFinalHeader ? .trailer : .header
      var record = state.pointee.headers.end(kind, stream, endOfStream: endOfStream)
      // nghttp2 lets 1xx end no stream and gives each its own header block.
      if kind == .header, state.pointee.role == .client,
        state.pointee.headers.fields(of: record)[":status"]?.first == "1"
      {
        record.kind = .interim
        return state.pointee.records.append(record)
      }
      object.hasFinalHeader = true
      state.pointee.records.append(record)
    }
  }

  private static func payload(_ ping: nghttp2_ping) -> UInt64 {
    withUnsafeBytes(of: ping.opaque_data) {
      UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self))
    }
  }

  private static let dataReceived: nghttp2_on_data_chunk_recv_callback = {
    _, _, id, start, count, userData in
    guard let state = state(userData), let start, let inputStart = state.pointee.inputStart,
      let stream = state.pointee.stream(id)
    else { return ok }
    let offset = start - inputStart
    // nghttp2 points into what it was given.
    guard offset >= 0, offset + count <= state.pointee.input.readableBytes else {
      return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }
    state.pointee.records.append(
      EventRecord(kind: .data, stream: stream, start: offset, byteCount: count))
    return ok
  }

  private static let streamClosed: nghttp2_on_stream_close_callback = {
    session, id, code, userData in
    guard let state = state(userData), let stream = state.pointee.stream(id) else { return ok }
    nghttp2_session_set_stream_user_data(session, id, nil)
    stream._withUnsafeGuaranteedRef { state.pointee.close($0, ErrorCode(rawValue: code)) }
    return ok
  }

  private static let invalidFrame: nghttp2_on_invalid_frame_recv_callback = {
    _, frame, code, userData in
    guard let frame, let state = state(userData), let words = nghttp2_strerror(code) else {
      return ok
    }
    state.pointee.lastProblem = "frame of type \(frame.pointee.hd.type): \(String(cString: words))"
    state.pointee.closedStreams.reset(frame.pointee.hd.stream_id)
    return ok
  }

  private static let problem: nghttp2_error_callback2 = { _, _, text, count, userData in
    guard let state = state(userData), let text else { return ok }
    text.withMemoryRebound(to: UInt8.self, capacity: count) { bytes in
      state.pointee.lastProblem = Self.text(bytes, count)
    }
    return ok
  }

  /// The beginning of what may be the peer's bytes, safe for a log.
  private static func text(_ start: UnsafePointer<UInt8>?, _ count: Int) -> String {
    let bytes = UnsafeBufferPointer(start: start, count: min(count, problemBytesMax))
    return String(
      decoding: bytes.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  }

  // MARK: Sending

  private static let frameSent: nghttp2_on_frame_send_callback = { _, frame, userData in
    guard let frame, let state = state(userData) else { return ok }
    let head = frame.pointee.hd
    switch UInt32(head.type) {
    case NGHTTP2_RST_STREAM.rawValue:
      state.pointee.closedStreams.reset(head.stream_id)
      if state.pointee.stream(head.stream_id)?._withUnsafeGuaranteedRef({ $0.isResetRequested })
        != true
      {
        state.pointee.resetsByPeerFault += 1
      }
    case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
      state.pointee.callFrames += 1
      if state.pointee.limits.resetsEarlyEnds, state.pointee.role == .server,
        hasEnd(head.flags),
        let stream = state.pointee.stream(head.stream_id)?.takeUnretainedValue(),
        !stream.isRemoteEnded
      {
        state.pointee.endedBeforePeer.append(stream)
      }
    case NGHTTP2_GOAWAY.rawValue: state.pointee.closedStreams.leave()
    default: break
    }
    return ok
  }

  /// A request that was queued and never sent has no stream at nghttp2 that could be closed.
  private static let frameNotSent: nghttp2_on_frame_not_send_callback = {
    _, frame, _, userData in
    guard let frame, let state = state(userData), state.pointee.role == .client,
      UInt32(frame.pointee.hd.type) == NGHTTP2_HEADERS.rawValue
    else { return ok }
    for case let stream? in state.pointee.streams where stream.id == frame.pointee.hd.stream_id {
      state.pointee.close(stream, .refusedStream)
    }
    return ok
  }

  /// Says how much of the body comes next; `sendData` then copies it.
  static let read: nghttp2_data_source_read_callback = {
    session, id, _, length, flags, source, _ in
    guard let pointer = source?.pointee.ptr, let flags else {
      return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
    }
    return Unmanaged<HTTP2Stream>.fromOpaque(pointer)._withUnsafeGuaranteedRef {
      next($0, session, id, length, flags)
    }
  }

  private static func next(
    _ stream: HTTP2Stream, _ session: OpaquePointer?, _ id: Int32, _ length: Int,
    _ flags: UnsafeMutablePointer<UInt32>
  ) -> Int {
    let count = min(length, stream.outbound.byteCount)
    if count > 0 { flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue }
    guard count == stream.outbound.byteCount else { return count }
    switch stream.end {
    case .open:
      guard count == 0 else { return count }
      stream.isDeferred = true
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    case .endOfStream:
      flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
    case .trailers(let fields):
      flags.pointee |=
        NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
      let code = fields.withNameValues { nghttp2_submit_trailer(session, id, $0, $1) }
      if code != 0 { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
    }
    return count
  }

  private static let sendData: nghttp2_send_data_callback = {
    _, _, frameHead, count, source, userData in
    guard let state = state(userData), let pointer = source?.pointee.ptr, let frameHead else {
      return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }
    let stream = Unmanaged<HTTP2Stream>.fromOpaque(pointer)
    state.pointee.output.writeBytes(
      UnsafeRawBufferPointer(start: frameHead, count: frameHeadBytes))
    state.pointee.outboundBytes -= count
    stream._withUnsafeGuaranteedRef { object in
      object.outbound.move(count, to: &state.pointee.output)
      guard object.notifyWhenDrained, object.outboundBytes <= HTTP2Stream.drainedBytes else {
        return
      }
      object.notifyWhenDrained = false
      state.pointee.records.append(EventRecord(kind: .drained, stream: stream))
    }
    // Else nghttp2 would go on with all streams, whatever the socket takes.
    return state.pointee.output.readableBytes < HTTP2Session.drainBytesMax
      ? ok : NGHTTP2_ERR_PAUSE.rawValue
  }

  /// RFC 9113, 4.1.
  private static let frameHeadBytes = 9
}
