import Addresses
import Cryptography
import Files
import FoundationEssentials
import Logging
import Metrics
import NIOCore
import NIOPosix
import OpenSSL
import RPCServices
import RPCTransport
import ServiceLifecycle
import Synchronization
import TLS
package import Telemetry

/// What a process lets its operator see: numbers, health, traces.
package struct Observability: Sendable {
  /// Largest PEM file that is read for its end.
  static let certificateBytesMax = 1 << 20
  /// Connections at the health listener; probes make one at a time.
  static let healthConnectionsMax = 64
  static let healthMessageBytesMax = 4 << 10

  package let metrics: MetricRegistry
  package let readiness: Readiness
  private let logger: Logger
  private let health = HealthService(["": .serving, Readiness.serviceName: .notServing])
  private let started = NIODeadline.now()

  init(name: String, metrics: MetricRegistry, logger: Logger) {
    self.metrics = metrics
    self.logger = logger
    readiness = Readiness(logger: logger)
    readiness.tell(health, as: [Readiness.serviceName])
    observeProcess(name)
  }

  // MARK: Listeners

  /// Opens the listeners that the settings ask for and returns where they are, by name, and what
  /// keeps them.
  func listen(
    _ settings: ServiceSettings, name: String, configuration: [(variable: String, value: String)],
    on group: MultiThreadedEventLoopGroup
  ) async throws -> (addresses: [(name: String, address: NetworkAddress)], services: [any Service])
  {
    var addresses: [(name: String, address: NetworkAddress)] = []
    var services: [any Service] = []
    if let address = settings.adminListenAddress {
      let server = AdminServer(
        AdminPages(
          name: name, registry: metrics, readiness: readiness, configuration: configuration,
          started: started), logger: logger)
      let port = try await server.start(address)
      addresses.append(("admin", NetworkAddress(host: address.host, port: port)))
      services.append(server)
    }
    if let address = settings.healthListenAddress {
      var configuration = RPCServerConfiguration(
        host: address.host, port: address.port, tls: nil)
      configuration.connectionCountMax = Self.healthConnectionsMax
      configuration.messageBytesMax = Self.healthMessageBytesMax
      configuration.gracePeriod = .seconds(1)
      let server = RPCServer(
        configuration, services: [health], eventLoopGroup: group, logger: logger)
      let port = try await server.start()
      addresses.append(("health", NetworkAddress(host: address.host, port: port)))
      services.append(HealthListenerService(server: server, health: health))
    }
    return (addresses, services)
  }

  // MARK: What is read when somebody looks

  private func observeProcess(_ name: String) {
    metrics.observe("chatelaine.build") {
      [.init(1, [("service", name), ("version", Build.version)])]
    }
    let startTime = Date().timeIntervalSince1970
    metrics.observe("process.start_time") { [.init(startTime)] }
    let numbers: [(String, @Sendable (ProcessStatistics) -> Double)] = [
      ("process.resident_memory", { $0.residentMemory }),
      ("process.virtual_memory", { $0.virtualMemory }), ("process.cpu", { $0.processorTime }),
      ("process.threads", { $0.threadCount }), ("process.open_fds", { $0.openDescriptors }),
      ("process.max_fds", { $0.descriptorsMax }),
    ]
    for (label, number) in numbers {
      metrics.observe(label) { ProcessStatistics().map { [.init(number($0))] } ?? [] }
    }
    metrics.observe("chatelaine.ready") { [readiness] in
      readiness.checked.map { .init($0.problem == nil ? 1 : 0, [("check", $0.name)]) }
        + [.init(readiness.isReady ? 1 : 0, [("check", "all")])]
    }
    metrics.observe("cryptography.seals") { [.init(Double(SealStatistics.seals))] }
    metrics.observe("cryptography.opens") {
      [
        .init(Double(SealStatistics.opens), [("outcome", "ok")]),
        .init(Double(SealStatistics.failedOpens), [("outcome", "failed")]),
      ]
    }
  }

  /// Tells when the certificate and the authority end: of the files as they are now, which every
  /// new connection uses.
  func observeCertificates(_ tls: TLSConfiguration) {
    metrics.observe("tls.certificate.expiry") {
      [("certificate", tls.certificateFile), ("authority", tls.certificateAuthorityFile)]
        .compactMap { kind, path in
          guard let pem = try? SmallFile.read(path, bytesMax: Self.certificateBytesMax),
            let certificate = try? Certificate(pem: pem),
            let end = certificate.expiry
          else { return nil }
          return .init(Double(end), [("file", kind)])
        }
    }
  }
}

/// The plain listener for probes, which can't have a certificate: it answers `grpc.health.v1` and
/// nothing else.
private struct HealthListenerService: Service {
  let server: RPCServer
  let health: HealthService

  func run() async throws {
    try await withGracefulShutdownHandler {
      try await server.run()
    } onGracefulShutdown: {
      health.beginGracefulShutdown()
      server.beginGracefulShutdown()
    }
  }
}

/// Asks each event loop twice a second to do something, and measures how late it does.
struct LoopLagService: Service {
  static let interval = TimeAmount.milliseconds(500)

  let group: MultiThreadedEventLoopGroup
  let metrics: MetricRegistry

  func run() async throws {
    let timer = metrics.makeTimer(label: "event_loop.lag", dimensions: [])
    let tasks = group.makeIterator().map { loop in
      let due = Mutex(NIODeadline.now() + Self.interval)
      return loop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) { _ in
        let now = NIODeadline.now()
        let lag = due.withLock { due in
          defer { due = now + Self.interval }
          return (now - due).nanoseconds
        }
        timer.recordNanoseconds(max(0, lag))
      }
    }
    try? await gracefulShutdown()
    for task in tasks { task.cancel() }
  }
}
