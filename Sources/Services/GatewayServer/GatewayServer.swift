import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Providers
import RPC
import RPCTransport

/// The gateway, put together: used by the process and by the tests.
struct GatewayServer: Sendable {
  static let headerListBytesMax = 32 << 10
  static let headerFieldsMax = 128
  static let backlog = 1_024
  /// Open connections of clients, if the process may have that many descriptors; more wait to be
  /// accepted.
  static let connectionsMax = 16_384
  /// What a client needs: its connection and one to a provider.
  static let descriptorsPerClient = 2

  let responder: GatewayResponder
  let clients: UpstreamClients
  private let timeouts: ClientTimeouts

  /// Throws for a malformed template or route: a bug of the build.
  init(
    _ configuration: GatewayConfiguration, services: Services, catalogue: ProviderCatalogue,
    resolver: any HostResolver, eventLoopGroup: any EventLoopGroup, logger: Logger
  ) throws {
    let cookies = PortalCookies(isSecure: configuration.isSecure)
    let authenticator = Authenticator(
      auth: services.auth, cookies: cookies,
      provenance: RequestProvenance(publicOrigin: configuration.publicOrigin))
    let endpointGuard = EndpointGuard(
      allowList: configuration.endpointAllowList, resolver: resolver)
    let assets = StaticAssets()
    let renderer = try PageRenderer(assets: assets)
    let portal = Portal(
      services: services, authenticator: authenticator, cookies: cookies, renderer: renderer,
      endpointGuard: endpointGuard, catalogue: catalogue, publicOrigin: configuration.publicOrigin)
    let token = ProxyToken(catalogue: catalogue)
    timeouts = configuration.clientTimeouts
    clients = UpstreamClients(
      eventLoopGroup: eventLoopGroup, limits: configuration.upstreamLimits,
      trustRoots: configuration.upstreamTrustRoots)

    var routes = try assets.routes()
    routes += try HealthRoutes(services: services).routes()
    routes += try JSONRoutes(
      services: services, authenticator: authenticator, endpointGuard: endpointGuard
    ).routes()
    routes += try SessionRoutes(services: services, authenticator: authenticator).routes()
    routes += try AccountPages(portal: portal).routes()
    routes += try ProviderPages(portal: portal).routes()
    routes += try AccessTokenPages(portal: portal).routes()
    routes += try AuditPage(portal: portal).routes()
    routes += try ProxyRoutes(
      services: services, authenticator: authenticator, catalogue: catalogue,
      endpointGuard: endpointGuard, clients: clients, limits: configuration.upstreamLimits,
      token: token, headers: ProxyHeaders(token: token)
    ).routes()

    responder = GatewayResponder(
      routes: RouteTable(routes),
      securityHeaders: SecurityHeaders(isSecure: configuration.isSecure),
      trustedProxies: configuration.trustedProxies,
      errorPage: { renderer.failure($0, requestID: $1) }, logger: logger)
  }

  /// The HTTP server; `onListening` gets the port.
  func buildApplication(
    host: String, port: Int, eventLoopGroup: any EventLoopGroup, logger: Logger,
    connectionsMax: Int = DescriptorLimit.connectionsMax(
      Self.connectionsMax, descriptorsEach: Self.descriptorsPerClient),
    onListening: @escaping @Sendable (Int) async -> Void
  ) -> Application<GatewayResponder> {
    let (securityHeaders, timeouts) = (responder.securityHeaders, timeouts)
    let connections = HTTP1Channel.Configuration(
      additionalChannelHandlers: [
        RequestPace(timeouts), ClientPresence(), BareResponseHeaders(securityHeaders),
      ],
      httpDecoderConfiguration: .init(
        maxHeaderFieldSize: Self.headerListBytesMax, maxHeaderListSize: Self.headerListBytesMax,
        maxHeaderFieldCount: Self.headerFieldsMax))
    return Application(
      responder: responder, server: EventLoopChannel.server(connections),
      configuration: ApplicationConfiguration(
        address: .hostname(host, port: port), backlog: Self.backlog),
      onServerRunning: { channel in
        let limit = ConnectionLimit(connectionsMax: connectionsMax, logger: logger)
        // Fails only if the server was stopped meanwhile.
        try? await channel.pipeline.addHandler(limit, position: .first).get()
        await onListening(channel.localAddress?.port ?? port)
      },
      eventLoopGroupProvider: .shared(eventLoopGroup), logger: logger)
  }
}
