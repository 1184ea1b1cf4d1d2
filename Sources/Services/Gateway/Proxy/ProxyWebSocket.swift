import Backend
import Edge
import Egress
import HTTPTypes
import NIOHTTP1
import Networking
import ServiceAPI

/// A WebSocket between a client and a provider (RFC 6455), as realtime APIs have it: the handshake
/// is a request like any other, with the key put in; after it bytes pass in both directions.
struct ProxyWebSocket {
  private let headers: ProxyHeaders
  private let limits: UpstreamLimits

  init(_ headers: ProxyHeaders, _ limits: UpstreamLimits) {
    (self.headers, self.limits) = (headers, limits)
  }

  /// Makes the client's offer the provider's to take.
  static func offer(in request: inout UpstreamRequest) {
    request.headers.replaceOrAdd(name: "connection", value: "Upgrade")
    request.headers.replaceOrAdd(name: "upgrade", value: WebSocketHandshake.name)
  }

  /// Joins the two connections after the provider's 101; returns when both are closed. Being
  /// cancelled closes them. Until then it counts as a request of its user.
  func run(
    _ answer: UpstreamAnswer, _ share: RequestShares.Share, _ record: ProxiedUse,
    _ use: CredentialUse, _ exchange: Exchange
  ) async throws -> Response {
    defer {
      // Not before: nothing else refers to it while bytes pass.
      withExtendedLifetime(share) {}
      exchange.stream.unwatchClient()
    }
    guard WebSocketHandshake.isOffered(answer.headers["upgrade"]) else {
      throw UpstreamError.malformedAnswer("101 for another protocol")
    }
    guard let client = exchange.stream.channel else {
      throw UpstreamError.malformedAnswer("101 to a client that did not ask for it")
    }
    let tunnel = ChannelTunnel(
      near: client, far: answer.channel, idleTimeout: limits.idleTimeout)
    do {
      try await exchange.switchProtocols(
        headers.forClient(answer.headers), handingTo: tunnel.near)
      try await answer.hand(to: tunnel.far)
    } catch {
      // The client has its 101: only the end of the connection says that nothing comes of it.
      tunnel.close()
    }
    await tunnel.run()
    record.end(
      use.isRevoked ? .revoked : .unspecified, requestBytes: tunnel.near.byteCount,
      responseBytes: tunnel.far.byteCount)
    use.end()
    // Nobody is there any more to get it; it is for the log.
    return Response(status: .switchingProtocols)
  }
}
