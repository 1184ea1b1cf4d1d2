package import Addresses
import Cryptography
import FoundationEssentials
import Glibc
package import Logging
import Metrics
package import NIOPosix
import Networking
import Pacing
package import Postgres
package import RPC
package import RPCTransport
package import ServiceLifecycle
package import Telemetry
import UnixSignals

/// What every service stands on: its process, its log, its event loops, its start and its end.
package struct ServiceChassis: Sendable {
  /// Builds a service from its settings: what it runs, in the order in which it is started; the end
  /// is in reverse order.
  package typealias Assembly<Configuration> =
    @Sendable (Configuration, ServiceChassis) async throws -> [any Service]

  /// How long everything behind the server may take to end after its calls have.
  static let lingerTimeout: Duration = .seconds(5)

  package let name: String
  package let settings: ServiceSettings
  package let logger: Logger
  package let eventLoopGroup: MultiThreadedEventLoopGroup
  /// What the process lets its operator see.
  package let observability: Observability
  /// Given as soon as the process is told to stop.
  package let shutdownNotice = ShutdownNotice()
  /// Records traces; nil without a collector.
  package var tracer: Tracer? { exporter?.tracer }
  private let exporter: SpanExporter?
  private let readyFile: ReadyFile
  /// The listeners beside the service's own, by name.
  private var otherListeners: [(name: String, address: NetworkAddress)] = []

  package init(
    name: String, settings: ServiceSettings, logger: Logger,
    metrics: MetricRegistry = MetricRegistry(),
    eventLoopGroup: MultiThreadedEventLoopGroup = .singleton
  ) {
    self.name = name
    self.settings = settings
    self.logger = logger
    self.eventLoopGroup = eventLoopGroup
    observability = Observability(name: name, metrics: metrics, logger: logger)
    observability.observeCertificates(settings.tls)
    exporter = SpanExporter(
      settings.traces, tls: settings.tls, metrics: metrics, on: eventLoopGroup, logger: logger)
    readyFile = ReadyFile(path: settings.readyFile)
  }

  // MARK: Parts of a service

  /// What each peer may ask of a service: far more than its own work needs, so that only one that
  /// has gone astray is slowed down.
  static let peerRateLimit = RateLimit(rate: 10_000, burst: 20_000)

  /// What wraps every call that a service answers, outermost first: a call that is refused early
  /// costs little, and all that is said of it in the log has its trace.
  ///
  /// The transport itself sees to the rest: it ends a call at its deadline, tells the handler of a
  /// cancellation, and measures.
  package static func interceptors(
    _ policy: CallPolicy, tracer: Tracer? = nil, logger: Logger
  ) -> [any ServerInterceptor] {
    var list: [any ServerInterceptor] = [
      TracingInterceptor(tracer: tracer),
      // Also of refusals: everything below.
      LoggingInterceptor(logger: logger, requestIDKey: policy.requestIDKey),
      RateLimitInterceptor(peerRateLimit),
      // TLS has said who the peer is; this, what that peer may call. Before anything is verified,
      // for that costs more than all the rest.
      PeerAllowList(
        policy.rules.merging(StandardServices.allowedPeers(operators: policy.operators)) { own, _ in
          own
        }, logger: logger, onRefusal: policy.onRefusal),
    ]
    // For whom the peer calls; what that user may do is decided where it is done.
    if let callers = policy.callers { list.append(callers) }
    return list
  }

  /// What wraps every call that a service makes, outermost first.
  ///
  /// Again the transport does the rest: the deadline of the call that is being answered, metrics,
  /// and sending again what the server has not begun. A service that retries more has that
  /// innermost, so that its attempts are one call to those before it.
  package static func clientInterceptors(tracer: Tracer? = nil) -> [any ClientInterceptor] {
    [ClientTracingInterceptor(tracer: tracer)]
  }

  /// A server on LISTEN_ADDRESS that says when it is ready and drains when told to stop; beside
  /// `services` it answers the standard ones.
  package func server(_ services: [any RPCService], _ policy: CallPolicy) -> any Service {
    var configuration = RPCServerConfiguration(
      host: settings.listenAddress.host, port: settings.listenAddress.port, tls: settings.tls)
    configuration.gracePeriod = settings.drainTimeout
    let standard = StandardServices(beside: services)
    observability.readiness.tell(standard.health, as: standard.namesByReadiness)
    let server = RPCServer(
      configuration, services: standard.all,
      interceptors: Self.interceptors(policy, tracer: tracer, logger: logger),
      eventLoopGroup: eventLoopGroup, logger: logger)
    return RPCServerService(server: server, health: standard.health, chassis: self)
  }

  /// A client of another service's instances, at least one, which must prove to be `identity`;
  /// `service` belongs into the list of what the process runs.
  package func client(
    to addresses: [NetworkAddress], identity: String
  ) -> (client: RPCClient, service: any Service) {
    let client = RPCClient(
      RPCClientConfiguration(
        addresses[0], Array(addresses.dropFirst()), tls: settings.tls, serverIdentity: identity),
      interceptors: Self.clientInterceptors(tracer: tracer), eventLoopGroup: eventLoopGroup,
      logger: logger)
    return (client, RPCClientService(client: client))
  }

  /// Says, in the log and in READY_FILE, that the service answers on `port`.
  package func announceReady(port: Int) throws {
    let address = NetworkAddress(host: settings.listenAddress.host, port: port)
    try readyFile.write(address, others: otherListeners)
    var fields: Logger.Metadata = ["address": "\(address)", "version": "\(Build.version)"]
    for (name, address) in otherListeners { fields["\(name)Address"] = "\(address)" }
    logger.notice("ready", metadata: fields)
  }

  /// Takes READY_FILE back and says no to probes, because the service stops answering.
  package func withdrawReady() {
    readyFile.remove()
    observability.readiness.beginGracefulShutdown()
  }

  // MARK: Life of the process

  /// Runs a service from its first to its last breath and never returns.
  ///
  /// With the argument `--print-configuration` it prints its part of `.env.example` instead; with
  /// `--probe` it asks the service that runs beside it how it is; with `migrate` it runs the
  /// migrations of `schema` (`MigrationJob`). Exits 0 after a graceful stop, 78 for unusable
  /// settings, 64 for a wrong argument, 1 for the rest.
  package static func main<Configuration: ServiceConfiguration>(
    _ type: Configuration.Type, schema: Schema? = nil, assemble: @escaping Assembly<Configuration>
  ) async -> Never {
    let arguments = CommandLine.arguments.dropFirst()
    switch (arguments.first, schema) {
    case (nil, _): break
    case ("--print-configuration"?, _):
      exit(say(EnvironmentDocument.section(for: type)) ? EX_OK : EX_IOERR)
    case ("--probe"?, _): await probe(type.name, arguments.dropFirst().first)
    case ("migrate"?, let schema?):
      await MigrationJob.main(schema, arguments: Array(arguments.dropFirst()))
    case (let argument?, _):
      Logger.failStart(type.name, ["\(StartupError.usage(argument))"])
      exit(EX_USAGE)
    }
    let chassis: ServiceChassis
    let services: [any Service]
    do {
      (chassis, services) = try await start(type, assemble: assemble)
    } catch let error as ConfigurationError {
      Logger.failStart(type.name, error.problems.map(\.description))
      exit(EX_CONFIG)
    } catch {
      Logger.failStart(type.name, [String(describing: error)])
      exit(EXIT_FAILURE)
    }
    do {
      try await chassis.run(services)
      chassis.logger.notice("stopped")
      exit(EX_OK)
    } catch {
      chassis.logger.critical("stopped by a failure: \(error)")
      exit(EXIT_FAILURE)
    }
  }

  /// Writes to standard output; false when that is closed.
  private static func say(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return Glibc.write(STDOUT_FILENO, bytes, bytes.count) == bytes.count
  }

  /// Says how the service is and exits 0 when it is well, 1 when it isn't.
  private static func probe(_ name: String, _ subject: String?) async -> Never {
    signal(SIGPIPE, SIG_IGN)
    guard let subject = Probe.Subject(rawValue: subject ?? Probe.Subject.readiness.rawValue) else {
      Logger.failStart(name, ["--probe takes readiness, which is the default, or liveness"])
      exit(EX_USAGE)
    }
    var reader = ConfigurationReader(environment: ProcessInfo.processInfo.environment)
    guard let address = ServiceSettings.healthAddress(&reader) else {
      Logger.failStart(name, ["HEALTH_LISTEN_ADDRESS: is not set to the host:port to ask"])
      exit(EX_CONFIG)
    }
    let (isWell, sentence) = await Probe(subject: subject, address: address).run()
    _ = say("\(name): \(sentence)\n")
    exit(isWell ? EX_OK : EXIT_FAILURE)
  }

  /// Everything that comes before serving, and may refuse to.
  private static func start<Configuration: ServiceConfiguration>(
    _ type: Configuration.Type, assemble: Assembly<Configuration>
  ) async throws -> (ServiceChassis, [any Service]) {
    signal(SIGPIPE, SIG_IGN)
    DescriptorLimit.raise()
    do {
      try ProcessHardening.disableCoreDumps()
    } catch {
      throw StartupError.hardening("\(error)")
    }
    var reader = ConfigurationReader(environment: ProcessInfo.processInfo.environment)
    let settings = ServiceSettings(from: &reader, service: type.name)
    let configuration = try Configuration.load(&reader)
    LoggingSystem.bootstrap { label in
      var handler = JSONLogHandler(label: label, logLevel: settings.logLevel)
      // Whatever is said while a call or a request is answered belongs to its trace.
      handler.metadataProvider = Logger.MetadataProvider {
        CallScope.trace.map { ["trace": "\($0.traceID)"] } ?? [:]
      }
      return handler
    }
    let metrics = MetricRegistry()
    MetricsSystem.bootstrap(metrics)
    var chassis = ServiceChassis(
      name: type.name, settings: settings, logger: Logger(label: type.name), metrics: metrics)
    for warning in reader.warnings { chassis.logger.warning("\(warning)") }
    chassis.readyFile.remove()
    // Before the service is put together, which may take long: migrations wait for each other.
    let (listeners, listening) = try await chassis.observability.listen(
      settings, name: type.name, configuration: reader.values, on: chassis.eventLoopGroup)
    chassis.otherListeners = listeners
    let services = try await assemble(configuration, chassis)
    // Started first, so that they are stopped last.
    return (chassis, listening + chassis.observedServices + services)
  }

  /// What watches the process while it runs.
  private var observedServices: [any Service] {
    [
      LoopLagService(group: eventLoopGroup, metrics: observability.metrics),
      observability.readiness,
    ] + (exporter.map { [$0] } ?? [])
  }

  private func run(_ services: [any Service]) async throws {
    var configuration = ServiceGroupConfiguration(
      services: services.map {
        // The type's name only: a description would print what is inside.
        .init(service: $0, serviceName: String(describing: Swift.type(of: $0)))
      },
      logger: logger)
    configuration.maximumGracefulShutdownDuration = settings.drainTimeout + Self.lingerTimeout
    configuration.maximumCancellationDuration = Self.lingerTimeout
    let group = ServiceGroup(configuration: configuration)
    // Unstructured: it waits for signals for as long as the group runs, and no longer.
    let signals = Task { await obeySignals(stopping: group) }
    defer { signals.cancel() }
    try await group.run()
  }

  /// Gives notice at the first signal and stops after SHUTDOWN_DELAY, or at the second.
  private func obeySignals(stopping group: ServiceGroup) async {
    await withTaskGroup(of: Void.self) { tasks in
      for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
        guard shutdownNotice.begin() else {
          await group.triggerGracefulShutdown()
          continue
        }
        withdrawReady()
        tasks.addTask {
          try? await Task.sleep(for: settings.shutdownDelay)
          await group.triggerGracefulShutdown()
        }
      }
    }
  }
}

extension Logger {
  /// One line for each reason why the process ends before it has begun.
  static func failStart(_ name: String, _ reasons: [String]) {
    let logger = Logger(label: name) { JSONLogHandler(label: $0, logLevel: .info) }
    for reason in reasons { logger.critical("cannot start: \(reason)") }
  }
}
