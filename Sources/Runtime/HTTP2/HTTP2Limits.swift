import CNghttp2

/// What one connection lets its peer do; sent as SETTINGS where HTTP/2 has a setting for it.
package struct HTTP2Limits: Sendable {
  package static let streamWindowBytesDefault = 64 << 10

  /// Streams that the peer may have open (SETTINGS_MAX_CONCURRENT_STREAMS).
  package var concurrentStreamsMax = 128
  /// The size of a header list as RFC 9113, 6.5.2 counts it; fields beyond it are dropped and the
  /// block says so.
  package var headerListBytesMax = 32 << 10
  /// Bytes a peer may send on a stream before we say that we read some.
  package var streamWindowBytes = HTTP2Limits.streamWindowBytesDefault
  /// The same for the connection as a whole.
  package var connectionWindowBytes = 1 << 20
  /// RST_STREAM frames that a client may send at once, and steadily (CVE-2023-44487).
  package var peerResetsBurst: UInt64 = 1000
  package var peerResetsPerSecond: UInt64 = 33
  /// SETTINGS and PING acknowledgements that may wait for a peer that doesn't read.
  package var outboundAcknowledgementsMax = 256
  /// Entries of one SETTINGS frame.
  package var settingsEntriesMax = 32
  /// CONTINUATION frames after one HEADERS frame (CVE-2024-28182).
  package var continuationsMax = 8
  /// Whether a stream whose response is over before its request is reset at once (RFC 9113, 8.1);
  /// otherwise that is up to the owner.
  package var resetsEarlyEnds = true

  package init() {}
}

/// nghttp2's options and callbacks for a session with given limits.
struct SessionOptions {
  private let limits: HTTP2Limits

  init(_ limits: HTTP2Limits) {
    self.limits = limits
  }

  /// `state` and `memory` must outlive the session: nghttp2 keeps their addresses.
  func makeSession(
    _ role: HTTP2Session.Role, _ state: UnsafeMutablePointer<SessionState>,
    _ memory: SessionMemory
  ) throws(HTTP2Error) -> OpaquePointer {
    var callbacks: OpaquePointer?
    try HTTP2Error.check(nghttp2_session_callbacks_new(&callbacks))
    defer { nghttp2_session_callbacks_del(callbacks) }
    SessionCallbacks.install(in: callbacks)

    var option: OpaquePointer?
    try HTTP2Error.check(nghttp2_option_new(&option))
    defer { nghttp2_option_del(option) }
    configure(option)

    var session: OpaquePointer?
    var functions = memory.functions()
    switch role {
    case .client:
      try HTTP2Error.check(
        nghttp2_session_client_new3(&session, callbacks, state, option, &functions))
    case .server:
      try HTTP2Error.check(
        nghttp2_session_server_new3(&session, callbacks, state, option, &functions))
    }
    guard let session else { throw .outOfMemory }
    return session
  }

  private func configure(_ option: OpaquePointer?) {
    // Credit goes back when the reader has read, not when bytes have arrived.
    nghttp2_option_set_no_auto_window_update(option, 1)
    nghttp2_option_set_no_closed_streams(option, 1)
    // Without it nghttp2 doesn't even look at PRIORITY frames of clients that don't know RFC 9218,
    // and some of them are errors (RFC 9113, 6.3). An idle stream made by one costs 232 bytes, and
    // nghttp2 keeps 100 at most.
    nghttp2_option_set_server_fallback_rfc7540_priorities(option, 1)
    nghttp2_option_set_max_outbound_ack(option, limits.outboundAcknowledgementsMax)
    nghttp2_option_set_max_settings(option, limits.settingsEntriesMax)
    nghttp2_option_set_max_continuations(option, limits.continuationsMax)
    nghttp2_option_set_stream_reset_rate_limit(
      option, limits.peerResetsBurst, limits.peerResetsPerSecond)
  }
}

extension HTTP2Session {
  func submitSettings(_ limits: HTTP2Limits) throws(HTTP2Error) {
    var entries = [
      nghttp2_settings_entry(
        NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindowBytes),
      nghttp2_settings_entry(
        NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.headerListBytesMax),
    ]
    switch role {
    case .client:
      entries.append(nghttp2_settings_entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
    case .server:
      entries.append(
        nghttp2_settings_entry(
          NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.concurrentStreamsMax))
      entries.append(nghttp2_settings_entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1))
    }
    try HTTP2Error.check(
      nghttp2_submit_settings(
        handle, UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue), entries, entries.count))
    try HTTP2Error.check(
      nghttp2_session_set_local_window_size(
        handle, UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue), 0,
        Int32(clamping: limits.connectionWindowBytes)))
  }
}

extension nghttp2_settings_entry {
  fileprivate init(_ id: nghttp2_settings_id, _ value: Int) {
    self.init(settings_id: Int32(id.rawValue), value: UInt32(clamping: value))
  }
}
