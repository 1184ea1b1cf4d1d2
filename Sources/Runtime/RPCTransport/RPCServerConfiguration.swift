import HTTP2
import Logging
package import Metrics
import NIOCore
import RPC
import Synchronization
package import TLS

/// Where a server listens, how it proves who it is, and how much it lets a peer ask of it.
package struct RPCServerConfiguration: Sendable {
  package var host: String
  /// 0 lets the kernel choose; `RPCServer.start` returns the choice.
  package var port: Int
  /// Nil serves HTTP/2 in clear text ("h2c", prior knowledge): tests, meshes that end TLS.
  package var tls: TLSConfiguration?
  /// The largest request message, in bytes; a larger one is RESOURCE_EXHAUSTED.
  package var messageBytesMax = 4 << 20
  /// Bytes of unary requests that are not complete and have reserved nothing, on all connections
  /// together; beyond it connections with more than 96 KiB of them get RESOURCE_EXHAUSTED.
  package var unfinishedRequestBytesMax = 6 << 20
  /// Open streams per connection, and calls in flight per connection: a stream that was reset keeps
  /// its place until its handler has ended.
  package var concurrentStreamsMax = 128
  /// Larger request header lists (RFC 9113, 6.5.2) are refused with HTTP 431.
  package var headerListBytesMax = 32 << 10
  /// Deadline of unary calls that bring none, and the latest that any may bring.
  package var callDurationMax: Duration = .seconds(60)
  /// The same for streaming calls; nil lets a stream live as long as its client wants.
  package var streamDurationMax: Duration?
  /// From the accepted connection to its first HTTP/2 SETTINGS, the TLS handshake included.
  package var handshakeTimeout: Duration = .seconds(10)
  /// Age at which a connection is asked to leave, give or take a tenth, so that clients spread over
  /// servers again; nil never asks.
  package var connectionAgeMax: Duration?
  /// Connections without calls are asked to leave after this long.
  package var connectionIdleTimeout: Duration = .seconds(15 * 60)
  /// A ping goes out after this long without a byte from the client, and the connection is given up
  /// when its answer takes `keepaliveTimeout`.
  package var keepaliveInterval: Duration = .seconds(60)
  package var keepaliveTimeout: Duration = .seconds(20)
  /// Clients that ping more often than this while nothing is sent to them are cut off.
  package var pingIntervalMin: Duration = .seconds(10)
  /// How long running calls may go on after `beginGracefulShutdown` or the
  /// end of their connection's age.
  package var gracePeriod: Duration = .seconds(10)
  /// Accepted connections at one time, if the process may have that many descriptors; more wait in
  /// the kernel's queue until some end.
  package var connectionCountMax = 16_384
  /// How often the certificate files are looked at; new connections use what is found.
  package var certificateCheckInterval = CertificateWatcher.defaultInterval
  /// Where calls, bytes, streams and resets are counted.
  package var metrics: any MetricsFactory = MetricsSystem.factory

  package init(host: String, port: Int, tls: TLSConfiguration?) {
    self.host = host
    self.port = port
    self.tls = tls
  }
}

/// What all connections of a server share; nothing in it changes after start.
final class ServerShared: Sendable {
  /// Resets that strangers may send or make us send; peers with a certificate may cancel as a busy
  /// mesh does: 2,000 calls a second and more.
  private static let strangerResets = (burst: 1_000, perSecond: 33)
  private static let meshResets = (burst: 20_000, perSecond: 5_000)

  let configuration: RPCServerConfiguration
  let router: Router
  let logger: Logger
  let credentials: TLSCredentials?
  let metrics: ServerMetrics
  let budgets: ServerBudgets
  /// Of the configuration, as each call needs them.
  let callTimeoutMax: TimeAmount
  let streamTimeoutMax: TimeAmount?
  let messageBytesMax: Int
  let concurrentStreamsMax: Int
  let streamWindowBytes = HTTP2Limits.streamWindowBytesDefault

  init(
    _ configuration: RPCServerConfiguration, router: Router, credentials: TLSCredentials?,
    logger: Logger
  ) {
    self.configuration = configuration
    callTimeoutMax = configuration.callDurationMax.timeAmount
    streamTimeoutMax = configuration.streamDurationMax?.timeAmount
    messageBytesMax = configuration.messageBytesMax
    concurrentStreamsMax = configuration.concurrentStreamsMax
    self.router = router
    self.credentials = credentials
    self.logger = logger
    budgets = ServerBudgets(unfinishedBytesTotalMax: configuration.unfinishedRequestBytesMax)
    metrics = ServerMetrics(router, factory: configuration.metrics)
  }

  static func resets(isMesh: Bool) -> (burst: Int, perSecond: Int) {
    isMesh ? meshResets : strangerResets
  }

  func limits(isMesh: Bool) -> HTTP2Limits {
    var limits = HTTP2Limits()
    limits.concurrentStreamsMax = configuration.concurrentStreamsMax
    limits.headerListBytesMax = configuration.headerListBytesMax
    let resets = Self.resets(isMesh: isMesh)
    limits.peerResetsBurst = UInt64(resets.burst)
    limits.peerResetsPerSecond = UInt64(resets.perSecond)
    return limits
  }
}
