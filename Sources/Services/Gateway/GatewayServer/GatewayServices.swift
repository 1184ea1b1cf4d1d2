import API
import Addresses
import Backend
import Edge
import Egress
import Identity
import Logging
import NIOPosix
import Providers
import RPCTransport
import ServiceLifecycle
import ServiceRuntime

@main
enum Main {
  static func main() async {
    await ServiceChassis.main(GatewayConfiguration.self) { configuration, chassis in
      try await GatewayServices.assemble(configuration, chassis)
    }
  }
}

/// What the gateway's process runs, in the order of its start.
enum GatewayServices {
  static func assemble(
    _ configuration: GatewayConfiguration, _ chassis: ServiceChassis
  ) async throws -> [any Service] {
    let auth = chassis.client(to: configuration.authAddresses, identity: PeerIdentity.auth)
    let vault = chassis.client(to: configuration.vaultAddresses, identity: PeerIdentity.vault)
    let audit = chassis.client(to: configuration.auditAddresses, identity: PeerIdentity.audit)
    let clients = [auth.client, vault.client, audit.client]
    let services = Services(auth: auth.client, vault: vault.client, audit: audit.client) {
      let lists = clients.map(\.certificateDigests)
      // Each reads the files by itself, so that one may be ahead for some seconds.
      if lists.allSatisfy({ $0 == lists[0] }) { return lists[0] }
      return Set(lists.joined()).sorted { $0.lexicographicallyPrecedes($1) }
    }
    for (name, channel) in services.channels.sorted(by: { $0.key < $1.key }) {
      chassis.observability.readiness.require(name) {
        if let problem = await ServiceProblem(of: channel) { throw problem }
      }
    }
    let server = try GatewayServer(
      configuration, services: services, catalogue: .standard,
      resolver: SystemHostResolver(catalogue: .standard),
      shutdownNotice: chassis.shutdownNotice, tracer: chassis.tracer, logger: chassis.logger)

    // The library tells of every connection; problems are enough.
    var logger = chassis.logger
    logger.logLevel = max(logger.logLevel, .notice)
    let portal = server.edge.buildServer(
      host: chassis.settings.listenAddress.host, port: chassis.settings.listenAddress.port,
      eventLoopGroup: chassis.eventLoopGroup, logger: logger
    ) { port in
      do {
        try chassis.announceReady(port: port)
      } catch {
        chassis.logger.critical("readiness could not be announced: \(error)")
      }
    }
    let watcher = server.credentials.map { CertificateWatcher($0, logger: chassis.logger) }
    return [
      auth.service, vault.service, audit.service,
      RevocationWatch(services, logger: chassis.logger),
      // Stops when no request runs any more, while the vault can still be reached.
      UseReporter(services, logger: chassis.logger),
      KeyNoticeCourier(services, logger: chassis.logger),
      UpstreamService(upstream: server.upstream),
      PortalService(server: portal, certificates: watcher, chassis: chassis),
    ]
  }
}

/// Serves until the process is told to stop, then lets running requests end.
struct PortalService: Service {
  let server: any Service
  let certificates: CertificateWatcher?
  let chassis: ServiceChassis

  func run() async throws {
    certificates?.start(
      every: CertificateWatcher.defaultInterval, on: chassis.eventLoopGroup.next())
    defer { certificates?.stop() }
    await chassis.observability.readiness.look()
    try await withGracefulShutdownHandler {
      try await server.run()
    } onGracefulShutdown: {
      chassis.withdrawReady()
    }
  }
}

/// Closes the connections to providers when everything that uses them has stopped.
struct UpstreamService: Service {
  let upstream: Upstream

  func run() async throws {
    try? await gracefulShutdown()
    await upstream.close()
  }
}
