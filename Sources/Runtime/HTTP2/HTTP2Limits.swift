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

  package init() {}
}
