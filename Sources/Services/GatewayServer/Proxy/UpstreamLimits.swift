/// How patient the proxy is with a provider, and how much it sends.
struct UpstreamLimits: Sendable {
  var connectTimeout: Duration = .seconds(10)
  /// Without a byte from the provider for this long, the request is given up. Models think.
  var idleTimeout: Duration = .seconds(300)
  /// How long a connection without requests is kept.
  var connectionIdleTimeout: Duration = .seconds(60)
  /// HTTP/1.1 connections to one host; more requests wait, for as long as connecting may take.
  var connectionsPerHostMax = 1_024
  /// The largest request body that is passed on.
  var requestBytesMax = 32 << 20
  /// Bodies up to this size are read before the provider is called; larger ones are passed on as
  /// they arrive.
  static let bufferedBytesMax = 1 << 20
}
