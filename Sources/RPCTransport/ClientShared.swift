internal import Logging
internal import RPC
internal import Synchronization
internal import TLS

/// What all connections of a client share.
final class ClientShared: Sendable {
  let configuration: RPCClientConfiguration
  let logger: Logger
  let fields: RequestFields
  /// `host:port`, for messages to the operator.
  let target: String
  /// Read with the first connection, so that making a client can't fail.
  private let credentials = Mutex<TLSCredentials?>(nil)

  init(_ configuration: RPCClientConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
    let host =
      configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
    target = "\(host):\(configuration.port)"
    fields = RequestFields(authority: target, isTLS: configuration.tls != nil)
  }

  /// Reads the certificate files if that has not been done; throws what is wrong with them.
  func loadCredentials() throws(TLSError) {
    guard let tls = configuration.tls else { return }
    let isMissing = credentials.withLock { $0 == nil }
    guard isMissing else { return }
    let fresh = try TLSCredentials(.client, tls)
    credentials.withLock { $0 = fresh }
  }

  func makeTLS() throws(TLSError) -> TLSConnection? {
    try loadCredentials()
    guard let context = credentials.withLock({ $0?.current }) else { return nil }
    return try TLSConnection(
      context,
      expecting: configuration.serverIdentity.map { .uri($0) } ?? .host(configuration.host))
  }
}
