internal import Logging
internal import NIOCore
internal import RPC
internal import Synchronization
internal import TLS

/// What all connections of a client share.
final class ClientShared: Sendable {
  let configuration: RPCClientConfiguration
  let logger: Logger
  let fields: RequestFields
  let metrics: ClientMetrics
  /// `host:port`, for messages to the operator.
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
    let host =
      configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
    target = "\(host):\(configuration.port)"
    fields = RequestFields(authority: target, isTLS: configuration.tls != nil)
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
