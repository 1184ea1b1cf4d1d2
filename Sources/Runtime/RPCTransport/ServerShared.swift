internal import HTTP2
internal import Logging
internal import NIOCore
internal import RPC
internal import Synchronization
internal import TLS

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
