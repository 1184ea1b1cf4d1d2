import Addresses
import NIOCore
import NIOExtras
import NIOHTTP1
import NIOPosix
import Networking
import Providers
import TLS

/// Makes connections to checked endpoints: TCP to whichever address answers first, through the
/// operator's proxy where there is one, then TLS.
struct UpstreamConnector: Sendable {
  static let answerHeadBytesMax = 128 << 10
  static let answerFieldsMax = 256
  /// What is written but not sent yet: with more of it, the client has to wait.
  private static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(
    low: 32 << 10, high: 128 << 10)

  private static let http2 = "h2"
  private static let http1 = "http/1.1"

  private let tls: TLSContext
  private let sessions = TLSSessions<UpstreamPool.Origin>(serversMax: 512)
  private let proxy: OutboundProxy?
  private let limits: UpstreamLimits

  init(
    _ limits: UpstreamLimits, authorities: TrustedAuthorities, proxy: OutboundProxy?
  )
    throws(TLSError)
  {
    tls = try TLSContext(trusting: authorities)
    self.proxy = proxy
    self.limits = limits
  }

  /// A connection whose handler is in place and which has read nothing yet.
  func connect(
    _ endpoint: CheckedEndpoint, _ origin: UpstreamPool.Origin, on eventLoop: any EventLoop,
    report: @escaping UpstreamReport
  ) -> EventLoopFuture<any UpstreamConnection> {
    let deadline = NIODeadline.now() + TimeAmount(limits.connectTimeout)
    let isProxied = endpoint.addresses.isEmpty
    return open(endpoint, on: eventLoop, deadline: deadline).flatMap { channel in
      secure(channel, endpoint, origin, deadline: deadline).flatMapThrowing {
        applicationProtocol in
        let address =
          isProxied ? nil : channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) }
        if applicationProtocol == Self.http2 {
          let connection = try HTTP2Connection(
            to: origin, address: address, channel: channel, limits: limits, report: report)
          try channel.pipeline.syncOperations.addHandler(connection)
          return connection
        }
        let connection = HTTP1Connection(
          to: origin, address: address, channel: channel, limits: limits, report: report)
        try addHTTP1(to: channel, connection)
        return connection
      }
      .flatMapError { error in
        // Whatever went wrong, nobody else closes it.
        channel.close(promise: nil)
        return channel.eventLoop.makeFailedFuture(error)
      }
    }
  }

  // MARK: TCP

  private func open(
    _ endpoint: CheckedEndpoint, on eventLoop: any EventLoop, deadline: NIODeadline
  ) -> EventLoopFuture<any Channel> {
    let bootstrap = ClientBootstrap(group: eventLoop)
      .connectTimeout(deadline - .now())
      .channelOption(.autoRead, value: false)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.writeBufferWaterMark, value: Self.waterMark)
    if endpoint.addresses.isEmpty, let proxy {
      return bootstrap.connect(host: proxy.host, port: proxy.port).flatMap { channel in
        tunnel(through: proxy, channel, endpoint, deadline: deadline).map { channel }
      }
      .flatMapErrorThrowing { error in
        throw UpstreamError.proxyFailed("\(UpstreamError(connecting: error))")
      }
    }
    let resolver = CheckedAddresses(endpoint, on: eventLoop)
    return bootstrap.resolver(resolver)
      .connect(host: "\(endpoint.url.host)", port: endpoint.url.port)
  }

  /// Asks the proxy for a way to the endpoint (RFC 9110, 9.3.6).
  private func tunnel(
    through proxy: OutboundProxy, _ channel: any Channel, _ endpoint: CheckedEndpoint,
    deadline: NIODeadline
  ) -> EventLoopFuture<Void> {
    let connected = channel.eventLoop.makePromise(of: Void.self)
    return channel.eventLoop.submit {
      let handlers: [any RemovableChannelHandler] = [
        HTTPRequestEncoder(),
        ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes)),
      ]
      for handler in handlers { try channel.pipeline.syncOperations.addHandler(handler) }
      // Removes itself.
      try channel.pipeline.syncOperations.addHandler(
        NIOHTTP1ProxyConnectHandler(
          targetHost: "\(endpoint.url.host)", targetPort: endpoint.url.port,
          headers: proxy.headers, deadline: deadline, promise: connected))
      try channel.syncOptions?.setOption(.autoRead, value: true)
      return NIOLoopBound(handlers, eventLoop: channel.eventLoop)
    }
    .flatMap { handlers in
      connected.futureResult.flatMap {
        EventLoopFuture.andAllSucceed(
          handlers.value.reversed().map { channel.pipeline.syncOperations.removeHandler($0) },
          on: channel.eventLoop)
      }
    }
    .flatMapThrowing { try channel.syncOptions?.setOption(.autoRead, value: false) }
  }

  // MARK: TLS and HTTP

  /// The protocol that was agreed on, if any.
  private func secure(
    _ channel: any Channel, _ endpoint: CheckedEndpoint, _ origin: UpstreamPool.Origin,
    deadline: NIODeadline
  ) -> EventLoopFuture<String?> {
    guard endpoint.url.scheme == .https else {
      return channel.eventLoop.makeSucceededFuture(nil)
    }
    let established = channel.eventLoop.makePromise(of: Void.self)
    let tls: TLSConnection
    do {
      tls = try makeTLS(origin)
      try channel.pipeline.syncOperations.addHandler(
        TLSHandler(tls, isClient: true, established: established))
    } catch {
      established.fail(error)
      return established.futureResult.map { nil }
    }
    let timeout = channel.eventLoop.scheduleTask(deadline: deadline) {
      established.fail(UpstreamError.connectTimeout)
    }
    established.futureResult.whenComplete { _ in timeout.cancel() }
    return established.futureResult.assumeIsolated().map { tls.applicationProtocol }.nonisolated()
  }

  private func makeTLS(_ origin: UpstreamPool.Origin) throws(TLSError) -> TLSConnection {
    let host =
      switch origin.host {
      case .name(let name): name
      case .address(let address): "\(address)"
      }
    let connection = try TLSConnection(tls, expecting: .host(host))
    if origin.offersHTTP2 { try connection.offer([Self.http2, Self.http1]) }
    if let session = sessions.take(for: origin) { connection.resume(session) }
    connection.onSession = { [sessions] in sessions.put($0, for: origin) }
    return connection
  }

  private func addHTTP1(to channel: any Channel, _ connection: HTTP1Connection) throws {
    var framing = HTTPRequestEncoder.Configuration()
    framing.automaticallySetFramingHeaders = false
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderListSize = Self.answerHeadBytesMax
    limits.maxHeaderFieldSize = Self.answerHeadBytesMax
    limits.maxHeaderFieldCount = Self.answerFieldsMax
    let decoder = HTTPResponseDecoder(
      leftOverBytesStrategy: .forwardBytes, informationalResponseStrategy: .forward,
      limitConfiguration: limits)
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(HTTPRequestEncoder(configuration: framing))
    try pipeline.addHandler(ByteToMessageHandler(decoder))
    try pipeline.addHandler(connection)
  }
}

/// Gives happy eyeballs (RFC 8305) the addresses that were checked, and no others.
private final class CheckedAddresses: Resolver, Sendable {
  private let endpoint: CheckedEndpoint
  private let eventLoop: any EventLoop

  init(_ endpoint: CheckedEndpoint, on eventLoop: any EventLoop) {
    self.endpoint = endpoint
    self.eventLoop = eventLoop
  }

  func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
    answer { $0.isIPv4 }
  }

  func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
    answer { !$0.isIPv4 }
  }

  func cancelQueries() {}

  private func answer(_ isWanted: (IPAddress) -> Bool) -> EventLoopFuture<[SocketAddress]> {
    let addresses = endpoint.addresses.filter(isWanted).compactMap {
      try? SocketAddress(ipAddress: "\($0)", port: endpoint.url.port)
    }
    return eventLoop.makeSucceededFuture(addresses)
  }
}
