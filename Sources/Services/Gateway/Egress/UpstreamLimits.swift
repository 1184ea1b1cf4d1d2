/// How patient the proxy is with a provider, and how much it sends and keeps.
package struct UpstreamLimits: Sendable {
  /// Until a connection can be used: TCP, a proxy on the way, and TLS.
  package var connectTimeout: Duration = .seconds(10)
  /// From the end of the request to the first byte of its answer. Models think, and SDKs repeat a
  /// request that is given up: it is paid twice.
  package var answerTimeout: Duration = .seconds(900)
  /// How long a provider may stay silent in the middle of an answer, or leave a request unread.
  package var idleTimeout: Duration = .seconds(900)
  /// How long a connection without requests is kept.
  package var connectionIdleTimeout: Duration = .seconds(60)
  /// Connections to one host and port; more requests wait, for as long as connecting may take.
  package var connectionsPerHostMax = 2_048
  /// Connections without requests, to all hosts.
  package var idleConnectionsMax = 512
  /// The largest request body that is passed on.
  package var requestBytesMax = 512 << 20
  /// What one user may have under way at once.
  package var requestsPerUserMax = 256
  /// Requests under way in all; more are refused.
  package var requestsMax = 8_192
  /// Bodies of all users that are kept in memory until they are sent.
  package var bufferedBytesTotalMax = 256 << 20
  /// Those of one user.
  package var bufferedBytesPerUserMax = 32 << 20
  /// Bodies up to this size are read before the provider is called; larger ones are passed on as
  /// they arrive.
  package static let bufferedBytesMax = 1 << 20

  package init() {}
}
