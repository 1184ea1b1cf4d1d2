import CNghttp2
package import NIOCore

extension HTTP2Session {
  private static let noFlags = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue)

  // MARK: Streams

  /// Opens a stream with a request; its body follows with `write` and `finish`, unless
  /// `endOfStream` says that the header fields are the whole request.
  package func request(
    _ fields: HeaderFields, attachment: AnyObject?, endOfStream: Bool = false
  ) throws(HTTP2Error) -> HTTP2Stream {
    let stream = HTTP2Stream(id: 0)
    stream.attachment = attachment
    state.pointee.remember(stream)
    var provider = dataProvider(for: stream)
    let owner = Unmanaged.passUnretained(stream).toOpaque()
    let id = fields.withNameValues { list, count in
      endOfStream
        ? nghttp2_submit_request(handle, nil, list, count, nil, owner)
        : nghttp2_submit_request(handle, nil, list, count, &provider, owner)
    }
    guard id > 0 else {
      state.pointee.forget(stream)
      throw HTTP2Error(library: Int(id))
    }
    stream.id = id
    return stream
  }

  /// Sends the header fields of an interim (1xx) response, before the final one.
  package func inform(_ stream: HTTP2Stream, _ fields: HeaderFields) throws(HTTP2Error) {
    guard !stream.isClosed else { throw .closed }
    let code = fields.withNameValues { list, count in
      nghttp2_submit_headers(handle, Self.noFlags, stream.id, nil, list, count, nil)
    }
    try HTTP2Error.check(code)
  }

  /// Sends a response's header fields; with `endOfStream` they are the whole response.
  package func respond(
    _ stream: HTTP2Stream, _ fields: HeaderFields, endOfStream: Bool
  ) throws(HTTP2Error) {
    guard !stream.isClosed else { throw .closed }
    var provider = dataProvider(for: stream)
    let code = fields.withNameValues { list, count in
      endOfStream
        ? nghttp2_submit_response(handle, stream.id, list, count, nil)
        : nghttp2_submit_response(handle, stream.id, list, count, &provider)
    }
    try HTTP2Error.check(code)
  }

  /// Queues body bytes; they leave as the peer's windows allow.
  package func write(_ stream: HTTP2Stream, _ bytes: ByteBuffer) {
    guard !stream.isClosed else { return }
    state.pointee.outboundBytes += bytes.readableBytes
    stream.outbound.append(bytes)
    resume(stream)
  }

  /// Ends our half of the stream after the queued bytes, with `trailers` if there are any.
  package func finish(_ stream: HTTP2Stream, trailers: HeaderFields? = nil) {
    stream.end = trailers.map { .trailers($0) } ?? .endOfStream
    resume(stream)
  }

  /// Ends the stream now; what is queued is dropped.
  package func reset(_ stream: HTTP2Stream, _ code: ErrorCode) {
    guard !stream.isClosed, !stream.isResetRequested else { return }
    stream.isResetRequested = true
    // Fails only without memory, and then the connection fails soon after.
    _ = nghttp2_submit_rst_stream(handle, Self.noFlags, stream.id, code.rawValue)
  }

  private func resume(_ stream: HTTP2Stream) {
    guard stream.isDeferred, !stream.isClosed else { return }
    stream.isDeferred = false
    // Refused only for a stream that is closing anyway.
    _ = nghttp2_session_resume_data(handle, stream.id)
  }

  private func dataProvider(for stream: HTTP2Stream) -> nghttp2_data_provider {
    nghttp2_data_provider(
      source: nghttp2_data_source(ptr: Unmanaged.passUnretained(stream).toOpaque()),
      read_callback: SessionCallbacks.read)
  }

  // MARK: Flow control of what we receive

  /// Lets the peer send `byteCount` more bytes on the connection as a whole.
  package func consumedOnConnection(_ byteCount: Int) {
    _ = nghttp2_session_consume_connection(handle, byteCount)
  }

  /// Lets the peer send `byteCount` more bytes on this stream.
  package func consumedOnStream(_ stream: HTTP2Stream, _ byteCount: Int) {
    guard !stream.isClosed else { return }
    _ = nghttp2_session_consume_stream(handle, stream.id, byteCount)
  }

  // MARK: Flow control of what we send

  /// Body bytes that the peer lets us send on the connection as a whole.
  package var sendWindowBytes: Int { Int(nghttp2_session_get_remote_window_size(handle)) }

  /// Body bytes that the peer lets us send on this stream; may be negative.
  package func sendWindowBytes(of stream: HTTP2Stream) -> Int {
    Int(nghttp2_session_get_stream_remote_window_size(handle, stream.id))
  }

  // MARK: The connection

  /// Streams that the peer lets us have open at one time.
  package var peerConcurrentStreamsMax: Int {
    Int(
      nghttp2_session_get_remote_settings(handle, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
  }

  package func ping(_ payload: UInt64) {
    withUnsafeBytes(of: payload.bigEndian) { bytes in
      _ = nghttp2_submit_ping(
        handle, Self.noFlags, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
  }

  /// First step of a graceful end: asks a client for no new streams, yet takes those under way.
  package func announceShutdown() {
    _ = nghttp2_submit_shutdown_notice(handle)
  }

  /// Second step: names the last stream that will be answered.
  package func goAway(_ code: ErrorCode) {
    _ = nghttp2_submit_goaway(
      handle, Self.noFlags, nghttp2_session_get_last_proc_stream_id(handle), code.rawValue, nil, 0)
  }

  /// Ends the session: a GOAWAY with `reason` for the peer's log, streams under way die.
  package func terminate(_ code: ErrorCode, reason: String = "") {
    let text = Array(reason.utf8)
    _ = nghttp2_submit_goaway(
      handle, Self.noFlags, nghttp2_session_get_last_proc_stream_id(handle), code.rawValue, text,
      text.count)
    _ = nghttp2_session_terminate_session(handle, code.rawValue)
  }

  /// No stream can be opened any more: a GOAWAY was received or the stream numbers ran out.
  package var isClosedToRequests: Bool {
    nghttp2_session_check_request_allowed(handle) == 0
  }
}
