import Addresses
import NIOCore
import NIOHTTP1
import Networking
import TLS

/// Makes a connection what serves it: TLS or none, HTTP/1.1 or HTTP/2. Requests are answered on the
/// connection's own event loop, where the RPC clients live too: a request crosses no thread.
struct EdgeConnections: Sendable {
  private static let plainRefusal =
    "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n"
    + "This port speaks HTTPS.\n"

  let edge: EdgeAnswers
  let timeouts: ClientTimeouts
  let credentials: TLSCredentials?
  let trustedProxies: TrustedProxies
  let isStopping: @Sendable () -> Bool

  /// To be called on the channel's event loop.
  func add(to channel: any Channel) throws {
    let opening = ConnectionOpening(timeout: TimeAmount(timeouts.requestHeadTimeout)) {
      [self] opening in try go(on: channel, with: opening)
    }
    try channel.pipeline.syncOperations.addHandler(opening)
  }

  private func go(on channel: any Channel, with opening: ConnectionOpening.FirstBytes) throws {
    switch opening {
    case .tls: try addTLS(to: channel)
    case .http1 where !isPlainAllowed(channel), .http2 where !isPlainAllowed(channel):
      channel.writeAndFlush(ByteBuffer(string: Self.plainRefusal)).whenComplete { _ in
        channel.close(promise: nil)
      }
    case .http1: try addHTTP1(to: channel, isSecure: false)
    case .http2: try addHTTP2(to: channel)
    }
  }

  /// Passwords and keys don't go over a network in the clear where there is TLS for them.
  private func isPlainAllowed(_ channel: any Channel) -> Bool {
    guard credentials != nil else { return true }
    guard let peer = channel.remoteAddress?.ipAddress.flatMap({ IPAddress($0) }) else {
      return false
    }
    return peer.isLoopback || trustedProxies.trusts(peer)
  }

  private func addTLS(to channel: any Channel) throws {
    // Without a certificate these are just no HTTP, which is said.
    guard let credentials else { return try addHTTP1(to: channel, isSecure: false) }
    let connection = try TLSConnection(credentials.current, expecting: .anyOfAuthority)
    let established = channel.eventLoop.makePromise(of: Void.self)
    try channel.pipeline.syncOperations.addHandler(
      TLSHandler(connection, isClient: false, established: established))
    let deadline = channel.eventLoop.scheduleTask(in: TimeAmount(timeouts.requestHeadTimeout)) {
      channel.close(promise: nil)
    }
    established.futureResult.assumeIsolatedUnsafeUnchecked().whenComplete { result in
      deadline.cancel()
      // Without TLS, its handler closes the connection.
      guard case .success = result else { return }
      do {
        if connection.applicationProtocol == EdgeServer.http2 {
          try addHTTP2(to: channel)
        } else {
          try addHTTP1(to: channel, isSecure: true)
        }
      } catch {
        channel.close(promise: nil)
      }
    }
  }

  private func addHTTP2(to channel: any Channel) throws {
    let connection = try HTTP2ServerConnection(
      channel, edge: edge, timeouts: timeouts, isStopping: isStopping)
    try channel.pipeline.syncOperations.addHandler(connection)
  }

  private func addHTTP1(to channel: any Channel, isSecure: Bool) throws {
    let decoder = RequestDecoder(limits: Self.decoderLimits)
    let rules = ConnectionRules(decoder, isStopping: isStopping)
    let pace = RequestPace(timeouts)
    try channel.pipeline.syncOperations.addHandlers([
      HTTPResponseEncoder(), ByteToMessageHandler(decoder), rules, pace,
      HTTP1ServerConnection(edge, rules: rules, pace: pace, isSecure: isSecure),
    ])
  }

  private static var decoderLimits: NIOHTTPDecoderLimitConfiguration {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = EdgeServer.headerListBytesMax
    limits.maxHeaderListSize = EdgeServer.headerListBytesMax
    limits.maxHeaderFieldCount = EdgeServer.headerFieldsMax
    return limits
  }
}
