package import TLS

/// Where a service is, who it must prove to be, and how patiently it is called.
package struct RPCClientConfiguration: Sendable {
  package var host: String
  package var port: Int
  /// Nil speaks HTTP/2 in clear text.
  package var tls: TLSConfiguration?
  /// The URI that the server's certificate must carry, e.g. `spiffe://chatelaine/vault`; without
  /// one the certificate must name `host`.
  package var serverIdentity: String?
  /// The largest response message, in bytes; a larger one fails the call with RESOURCE_EXHAUSTED.
  package var messageBytesMax = 4 << 20
  /// Larger response header lists fail their call.
  package var headerListBytesMax = 32 << 10
  /// TCP connect, TLS handshake and the server's SETTINGS together.
  package var connectTimeout: Duration = .seconds(5)
  /// Waits between attempts to connect; each wait is drawn at random around its value.
  package var backoffMin: Duration = .milliseconds(100)
  package var backoffMax: Duration = .seconds(10)
  /// A ping goes out after this long without a sign of life while calls are in flight, and the
  /// connection is given up when its answer takes `keepaliveTimeout`.
  package var keepaliveInterval: Duration = .seconds(20)
  package var keepaliveTimeout: Duration = .seconds(10)
  /// Calls under way or waiting for a stream, per connection; more fail RESOURCE_EXHAUSTED.
  package var callsInFlightMax = 10_000
  /// Connections to the target: at most one for each event loop of the group, and this many.
  package var connectionCountMax = 4

  package init(host: String, port: Int, tls: TLSConfiguration?, serverIdentity: String? = nil) {
    self.host = host
    self.port = port
    self.tls = tls
    self.serverIdentity = serverIdentity
  }
}
