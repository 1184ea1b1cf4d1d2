package import Addresses
import Logging
package import Metrics
import NIOCore
package import Networking
import Pacing
import RPC
import Synchronization
package import TLS

/// Where a service is, who it must prove to be, and how patiently it is called.
package struct RPCClientConfiguration: Sendable {
  /// Names and addresses of the service's instances; a name stands for all addresses that it has.
  /// At least one.
  package let targets: [NetworkAddress]
  /// Nil speaks HTTP/2 in clear text.
  package var tls: TLSConfiguration?
  /// The URI that the server's certificate must carry, e.g. `spiffe://chatelaine/vault`; without
  /// one the certificate must name the host of the first target.
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
  /// For so long after the last connection was lost, calls wait for another instead of failing: a
  /// service that is started again is back by then.
  package var reconnectPatience: Duration = .seconds(2)
  /// A ping goes out after this long without a sign of life while calls are in flight, and the
  /// connection is given up when its answer takes `keepaliveTimeout`.
  package var keepaliveInterval: Duration = .seconds(20)
  package var keepaliveTimeout: Duration = .seconds(10)
  /// Calls under way or waiting for a stream, per connection; more fail RESOURCE_EXHAUSTED.
  package var callsInFlightMax = 10_000
  /// Event loops of the group that have connections of their own. Each has at most one connection
  /// per address, and as many again while old ones let their last calls end.
  package var connectionCountMax = 4
  /// Addresses of the host that are used; beyond this, a random subset is.
  package var addressCountMax = 8
  /// How long a look-up may take, of all names together; those without an answer by then keep the
  /// addresses that they had.
  package var resolutionTimeout: Duration = .seconds(5)
  /// The least time between two look-ups of the host.
  package var resolutionIntervalMin: Duration = .seconds(5)
  /// Turns `host` into addresses, unless it is one.
  package var resolver: any AddressResolver = SystemResolver.shared
  /// How often the certificate files are looked at; new connections use what is found.
  package var certificateCheckInterval = CertificateWatcher.defaultInterval
  /// Where attempts and bytes are counted.
  package var metrics: any MetricsFactory = MetricsSystem.factory

  package init(host: String, port: Int, tls: TLSConfiguration?, serverIdentity: String? = nil) {
    self.init(
      NetworkAddress(host: host, port: port), tls: tls, serverIdentity: serverIdentity)
  }

  /// For a service whose instances have several names or ports.
  package init(
    _ first: NetworkAddress, _ others: [NetworkAddress] = [], tls: TLSConfiguration?,
    serverIdentity: String? = nil
  ) {
    targets = [first] + others
    self.tls = tls
    self.serverIdentity = serverIdentity
  }

  var host: String { targets[0].host }

  /// The waits of one address that can't be connected to, and of a name without addresses.
  var backoff: Backoff { Backoff(min: backoffMin, max: backoffMax) }
}

/// What all connections of a client share.
final class ClientShared: Sendable {
  let configuration: RPCClientConfiguration
  let logger: Logger
  let fields: RequestFields
  let metrics: ClientMetrics
  /// `host:port` of all targets, for messages to the operator.
  let target: String
  /// Read with the first connection, so that making a client can't fail.
  private let credentials = Mutex(Credentials())
  /// Where the certificate files' watch is timed.
  private let eventLoop: any EventLoop

  private struct Credentials {
    var loaded: TLSCredentials?
    var watcher: CertificateWatcher?
    var isClosed = false
  }

  init(_ configuration: RPCClientConfiguration, on eventLoop: any EventLoop, logger: Logger) {
    self.eventLoop = eventLoop
    self.configuration = configuration
    self.logger = logger
    metrics = ClientMetrics(factory: configuration.metrics)
    target = configuration.targets.map(\.description).joined(separator: ", ")
    fields = RequestFields(
      authority: configuration.targets[0].description, isTLS: configuration.tls != nil)
  }

  /// Reads the certificate files if that has not been done, and watches them from then on; throws
  /// what is wrong with them.
  func loadCredentials() throws(TLSError) {
    guard let tls = configuration.tls else { return }
    try credentials.withLock { state throws(TLSError) in
      guard state.loaded == nil else { return }
      let fresh = try TLSCredentials(.client, tls)
      state.loaded = fresh
      guard !state.isClosed else { return }
      let watcher = CertificateWatcher(fresh, logger: logger)
      watcher.start(every: configuration.certificateCheckInterval, on: eventLoop)
      state.watcher = watcher
    }
  }

  /// SHA-256 of the certificates by which servers may know this client; empty before any was read.
  var certificateDigests: [[UInt8]] {
    credentials.withLock { $0.loaded }?.certificateDigests ?? []
  }

  func makeTLS() throws(TLSError) -> TLSConnection? {
    try loadCredentials()
    guard let context = credentials.withLock({ $0.loaded?.current }) else { return nil }
    return try TLSConnection(
      context,
      expecting: configuration.serverIdentity.map { .uri($0) } ?? .host(configuration.host))
  }

  /// Watches no files any more.
  func close() {
    let watcher = credentials.withLock { state in
      state.isClosed = true
      return state.watcher
    }
    watcher?.stop()
  }
}
