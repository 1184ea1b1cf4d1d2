import API
import Backend
import Edge
import Egress
import KeyTesting
import Logging
import NIOCore
import Portal
import Protobuf
import Providers
import Proxy
import RPC
import ServiceAPI
import ServiceRuntime
import TLS

/// The gateway, put together: used by the process and by the tests.
struct GatewayServer: Sendable {
  let edge: EdgeServer
  /// Everything that is answered.
  let routes: [Edge.Route]
  let upstream: Upstream
  /// For TLS with clients; nil where they come in the clear.
  let credentials: TLSCredentials?

  /// Throws for a malformed template or route, which is a bug of the build, and for a certificate
  /// or authorities that can't be used.
  init(
    _ configuration: GatewayConfiguration, services: Services, catalogue: ProviderCatalogue,
    resolver: any HostResolver, shutdownNotice: ShutdownNotice = ShutdownNotice(),
    tracer: Tracer? = nil, logger: Logger
  ) throws {
    let authenticator = Authenticator(
      services: services, cookies: PortalCookies(isSecure: configuration.isSecure),
      provenance: RequestProvenance(publicOrigin: configuration.publicOrigin))
    let endpointGuard = EndpointGuard(
      allowList: configuration.endpointAllowList, resolver: resolver,
      proxy: configuration.outboundProxy)
    upstream = try Upstream(
      configuration.upstreamLimits, authorities: configuration.upstreamAuthorities,
      proxy: configuration.outboundProxy)
    let tester = KeyTester(
      services: services, catalogue: catalogue, publicOrigin: configuration.publicOrigin,
      endpointGuard: endpointGuard, upstream: upstream)
    let portal = Portal(
      services: services, authenticator: authenticator,
      renderer: try PageRenderer(version: Build.version), catalogue: catalogue,
      publicOrigin: configuration.publicOrigin, checkEndpoint: endpointGuard.checkField,
      look: { await HealthRoutes.problems(of: services) }, tester: tester)
    if configuration.upstreamAuthorities.isEmpty {
      logger.warning("no provider can be reached by https: \(TLSError.noAuthorities)")
    }

    var routes = try HealthRoutes(
      services: services, isStopping: { shutdownNotice.hasBegun }
    ).routes()
    routes += try JSONRoutes(
      services: services, authenticator: authenticator,
      bodyChecks: Self.checks(
        endpointGuard, create: { try VaultAPI.CreateProviderConfigRequest(json: $0) },
        update: { try VaultAPI.UpdateProviderConfigRequest(json: $0) })
    ).routes()
    routes += try GRPCRoutes(
      services: services, authenticator: authenticator,
      checks: Self.checks(
        endpointGuard, create: { try VaultAPI.CreateProviderConfigRequest(unpacking: $0) },
        update: { try VaultAPI.UpdateProviderConfigRequest(unpacking: $0) })
    ).routes()
    routes += try KeyTestRoutes(authenticator: authenticator, tester: tester).routes()
    routes += try SessionRoutes(services: services, authenticator: authenticator).routes()
    routes += try ExportRoutes(services: services, authenticator: authenticator).routes()
    routes += try LogRoutes(services: services, authenticator: authenticator).routes()
    routes += try portal.routes()
    routes += try OpenAPIRoutes.routes()
    routes += try APIReferencePage(portal: portal, document: OpenAPIRoutes.document).routes()
    routes += try ProxyRoutes(
      services: services, authenticator: authenticator, catalogue: catalogue,
      publicOrigin: configuration.publicOrigin, endpointGuard: endpointGuard, upstream: upstream,
      limits: configuration.upstreamLimits
    ).routes()

    self.routes = routes
    let responder = EdgeResponder(
      routes: RouteTable(routes),
      securityHeaders: SecurityHeaders(isSecure: configuration.isSecure),
      trustedProxies: configuration.trustedProxies, crossOrigin: configuration.crossOrigin,
      errorPage: { await portal.failure($0, $1, $2) },
      scope: { RequestTrace($0, tracer: tracer) },
      logger: logger)
    credentials = try configuration.portalTLS.map { try TLSCredentials(.server, $0) }
    edge = EdgeServer(
      responder, timeouts: configuration.clientTimeouts, credentials: credentials,
      isStopping: { shutdownNotice.hasBegun })
  }

  /// A base URL that the proxy would never connect to is refused when it is stored, so that the
  /// error appears where the mistake is. The proxy checks again at every use.
  private static func checks<Input>(
    _ endpointGuard: EndpointGuard,
    create: @escaping @Sendable (Input) throws -> VaultAPI.CreateProviderConfigRequest,
    update: @escaping @Sendable (Input) throws -> VaultAPI.UpdateProviderConfigRequest
  ) -> [String: @Sendable (Input) throws -> Void] {
    [
      VaultAPI.VaultMethods.createProviderConfig.path: { input in
        if let baseURL = try create(input).baseUrl { try endpointGuard.checkField(baseURL) }
      },
      VaultAPI.VaultMethods.updateProviderConfig.path: { input in
        if let baseURL = try update(input).baseUrl { try endpointGuard.checkField(baseURL) }
      },
    ]
  }
}

extension EndpointGuard {
  /// The literal check, as a problem of the field `baseUrl`.
  func checkField(_ text: String) throws(Problem) {
    do {
      try checkLiterally(text)
    } catch {
      throw .invalid("baseUrl", error.description)
    }
  }
}
