import Foundation

/// Runs a whole deployment on one machine: cluster, certificates, keys and the four services, from
/// start to drain.
package actor Supervisor {
  private static let startAttemptsMax = 3

  private let options: SupervisorOptions
  private let cluster: PostgresCluster
  private let launcher: ServiceLauncher
  private let report: @Sendable (String) -> Void
  private let announce: @Sendable (String) -> Void

  private var gatewayPort: Int
  private var running: [ServiceName: ServiceLauncher.Running] = [:]
  /// The last known address of each service: it comes back where others look for it.
  private var addresses: [ServiceName: String] = [:]
  /// Every process, also those that are not ready yet.
  private var children: [ServiceName: ChildProcess] = [:]
  private var isForced = false

  /// - Parameters:
  ///   - announce: receives the one line with the portal's address.
  ///   - report: receives what the operator should know; from any thread.
  package init(
    _ options: SupervisorOptions,
    announce: @escaping @Sendable (String) -> Void, report: @escaping @Sendable (String) -> Void
  ) throws {
    self.options = options
    self.announce = announce
    self.report = report
    gatewayPort = options.gatewayPort
    cluster = try options.state.cluster(durability: options.durability, isShared: true)
    launcher = ServiceLauncher(
      state: options.state, binaries: options.binaries, startTimeout: options.startTimeout,
      separation: options.separation, report: report)
  }

  /// Brings everything up, keeps it up until the first request to stop, then drains it.
  ///
  /// - Throws: `DeploymentError` when something does not come up; whatever had started is stopped.
  package func run(until requests: StopRequests) async throws {
    // What can't begin leaves nothing half-made behind.
    if !options.state.exists { try choosePort() }
    try options.state.create()
    let lock = try FileLock(path: options.state.lockFile, protecting: options.state.path)
    defer { withExtendedLifetime(lock) {} }
    var failure: (any Error)?
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await self.serve() }
        group.addTask { await requests.wait(for: 1) }
        try await group.next()
        group.cancelAll()
      }
    } catch {
      failure = error
    }
    await drain(requests)
    if let failure = failure as? ServiceLauncher.Failure { throw failure.deploymentError }
    if let failure, !(failure is CancellationError) { throw failure }
  }

  private func serve() async throws {
    try choosePort()
    try KeyMaterial(state: options.state).ensure(
      isFirstStart: access(cluster.dataDirectory, F_OK) != 0)
    try ensureCertificates()
    try await cluster.start()
    try await options.state.provisionRoles(on: cluster)
    try await migrate()

    for stage in ServiceName.stages {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for service in stage { group.addTask { try await self.start(service) } }
        try await group.waitForAll()
      }
    }
    try await checkPortal()
    announce("Chatelaine is ready: http://127.0.0.1:\(gatewayPort)")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await self.keepClusterRunning() }
      group.addTask { try await self.keepCertificatesFresh() }
      group.addTask { [options, report] in
        try await DiskWatch(of: options.state.path).run(report: report)
      }
      for service in ServiceName.allCases {
        group.addTask { try await self.keepRunning(service) }
      }
      try await group.waitForAll()
    }
  }

  private func ensureCertificates() throws {
    let authority = try DevelopmentCA.loadOrCreate(in: options.state.certificates)
    for name in ServiceName.allCases.map(\.rawValue) + [ServiceName.operatorCertificate] {
      _ = try authority.ensure(service: name, in: options.state.certificates)
    }
  }

  private func keepCertificatesFresh() async throws {
    while true {
      try await Task.sleep(for: options.certificateInterval)
      do {
        try ensureCertificates()
        for service in ServiceName.allCases { try directory(of: service).fillCertificates() }
      } catch {
        report("certificates could not be renewed: \(error)")
      }
    }
  }

  /// With the rights of the schemas' owners, which no service gets.
  private func migrate() async throws {
    let job = MigrationJob(binaries: options.binaries)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for schema in DatabaseRoles.schemas {
        let file = options.state.databaseURLFile(of: DatabaseRoles.owner(of: schema))
        group.addTask { try await job.run(schema, url: .file(file)) }
      }
      try await group.waitForAll()
    }
  }

  /// Throws unless the portal itself says that it can serve.
  private func checkPortal() async throws {
    let probe = PortalProbe(port: gatewayPort)
    let reason: String
    switch try await probe.waitUntilReady(within: options.readyTimeout) {
    case .ready: return
    case .missing(let services):
      let names = services.isEmpty ? "its services" : services.joined(separator: ", ")
      reason = "it does not reach \(names)"
    case .nothing: reason = "it does not answer at http://127.0.0.1:\(gatewayPort)/readyz"
    }
    let logs = ServiceName.allCases.map { log(of: $0) }.joined(separator: "\n  ")
    throw DeploymentError.notReady(
      name: "the portal",
      reason: "\(reason) within \(options.readyTimeout.formatted). All services were started; what "
        + "keeps them apart stands in their logs:\n  \(logs)")
  }

  private func choosePort() throws {
    guard gatewayPort != 0 else {
      gatewayPort = try LoopbackPort.choose()
      return
    }
    guard LoopbackPort.isFree(gatewayPort) else {
      throw DeploymentError.environment(PortHolder.refusal(of: gatewayPort))
    }
  }
}

// MARK: Starting and restarting

extension Supervisor {
  private func start(_ service: ServiceName) async throws {
    for attempt in 1...Self.startAttemptsMax {
      do {
        try await startOnce(service)
        return
      } catch let failure as ServiceLauncher.Failure {
        guard failure.isAddressInUse, attempt < Self.startAttemptsMax,
          try takeAnotherPort(for: service)
        else { throw failure }
      }
    }
  }

  /// Lets go of a port that somebody else has taken.
  ///
  /// - Returns: false when the port has to stay: people know the gateway's, once it was chosen by
  ///   the operator or announced.
  private func takeAnotherPort(for service: ServiceName) throws -> Bool {
    guard service == .gateway else {
      addresses[service] = nil
      return true
    }
    guard options.gatewayPort == 0, running[.gateway] == nil else { return false }
    gatewayPort = try LoopbackPort.choose()
    return true
  }

  private func startOnce(_ service: ServiceName) async throws {
    try Task.checkCancellation()
    // One that has run out would keep a service down that crashes after months.
    try ensureCertificates()
    let listen =
      service == .gateway ? "127.0.0.1:\(gatewayPort)" : addresses[service] ?? "127.0.0.1:0"
    try directory(of: service).fill()
    var environment = ServiceEnvironment(
      inherited: options.environment, operatorKeys: options.operatorKeys
    )
    .variables(
      for: service, listenAddress: listen, addresses: addresses,
      portal: "127.0.0.1:\(gatewayPort)")
    try directory(of: service).adopt(&environment)
    let started = try await launcher.launch(service, environment: environment) { child in
      note(child, of: service)
    }
    running[service] = started
    addresses[service] = started.address
    try publishEndpoints()
  }

  private func directory(of service: ServiceName) -> ServiceDirectory {
    ServiceDirectory(
      service: service, state: options.state, account: options.separation.account(of: service))
  }

  private func note(_ child: ChildProcess, of service: ServiceName) {
    children[service] = child
  }

  /// Starts a service again each time it ends, until cancelled.
  private func keepRunning(_ service: ServiceName) async throws {
    var backoff = RestartBackoff()
    while let current = running[service] {
      guard let exit = await end(of: current, service) else { return }
      try Task.checkCancellation()
      let lifetime = current.since.duration(to: .now)
      var reason = "\(service.rawValue) ended with \(exit)"
      // A service that was told to end did not crash: nothing is gained by waiting.
      let isClean = exit.isSuccess && lifetime >= options.steadyAfter
      var delay = isClean ? .zero : backoff.next(afterRunning: lifetime)
      while true {
        let when = delay == .zero ? "at once" : "in \(delay.formatted)"
        report("\(reason); starting it again \(when); log: \(log(of: service))")
        try await Task.sleep(for: delay)
        do {
          try await start(service)
          break
        } catch let failure as ServiceLauncher.Failure {
          reason = "\(service.rawValue) did not start: \(failure.reason)"
          delay = backoff.next(afterRunning: .zero)
        }
      }
      report("\(service.rawValue) runs again")
      if addresses[service] != current.address { restartDependents(of: service) }
    }
  }

  /// How a service ended, by itself or because it no longer answered; nil when the task was
  /// cancelled.
  private func end(
    of current: ServiceLauncher.Running, _ service: ServiceName
  ) async -> ProcessExit? {
    await withTaskGroup(of: ProcessExit?.self) { group in
      group.addTask { await current.child.exit() }
      if let patience = options.healthWatch, let port = current.port {
        group.addTask {
          await self.watch(current.child, service, port: port, patience)
          return await current.child.exit()
        }
      }
      let exit = await group.next() ?? nil
      group.cancelAll()
      return exit
    }
  }

  /// Returns once the service was killed because it did not answer, or the task is cancelled.
  private nonisolated func watch(
    _ child: ChildProcess, _ service: ServiceName, port: Int, _ patience: HealthWatch.Patience
  ) async {
    let silence: String?
    if service == .gateway {
      silence = await HealthWatch(patience: patience, probe: GatewayHealthProbe(port: port))
        .waitUntilSilent(child.id)
    } else {
      let probe = RPCHealthProbe(
        service, port: port,
        certificates: options.state.certificatePaths(of: ServiceName.operatorCertificate))
      silence = await HealthWatch(patience: patience, probe: probe).waitUntilSilent(child.id)
      await probe.close()
    }
    guard let silence else { return }
    report("\(service.rawValue) is killed: \(silence)")
    child.signal(SIGKILL)
  }

  /// They learn addresses at their start only; `keepRunning` brings them back.
  private func restartDependents(of service: ServiceName) {
    for dependent in ServiceName.allCases where dependent.dependencies.contains(service) {
      report("\(service.rawValue) has another address now; restarting \(dependent.rawValue)")
      running[dependent]?.child.signal(SIGTERM)
    }
  }

  private func keepClusterRunning() async throws {
    var backoff = RestartBackoff()
    while true {
      let since = ContinuousClock.now
      guard let exit = await cluster.exit() else { return }
      try Task.checkCancellation()
      var reason = "PostgreSQL ended with \(exit)"
      var lifetime = since.duration(to: .now)
      while !cluster.isRunning {
        let delay = backoff.next(afterRunning: lifetime)
        report(
          "\(reason); starting it again in \(delay.formatted); "
            + "log: \(cluster.directory)/postgres.log")
        try await Task.sleep(for: delay)
        do {
          try await cluster.start()
        } catch let error as DeploymentError {
          (reason, lifetime) = ("PostgreSQL did not start: \(error)", .zero)
        }
      }
      report("PostgreSQL runs again")
    }
  }

  private func publishEndpoints() throws {
    let services = running.map { name, service in
      (
        name.rawValue,
        Endpoints.Service(
          address: service.address, processID: service.child.id,
          adminAddress: service.listeners.others["admin"],
          healthAddress: service.listeners.others["health"])
      )
    }
    try Endpoints(
      supervisorProcessID: getpid(),
      services: Dictionary(services, uniquingKeysWith: { _, last in last })
    ).write(to: options.state)
  }

  private func log(of service: ServiceName) -> String { options.state.log(of: service.rawValue) }
}

// MARK: Stopping

extension Supervisor {
  /// Who calls stops before who is called; the cluster last. A second request kills.
  private func drain(_ requests: StopRequests) async {
    Endpoints.remove(from: options.state)
    // Unstructured: it waits for a second request while the stages below wait for processes.
    let force = Task {
      await requests.wait(for: 2)
      if !Task.isCancelled { await self.force() }
    }
    defer { force.cancel() }
    for stage in ServiceName.stages.reversed() {
      await withTaskGroup(of: Void.self) { group in
        for service in stage { group.addTask { await self.stop(service) } }
      }
    }
    do {
      try await cluster.stop(immediately: isForced)
    } catch {
      report("\(error)")
    }
  }

  private func stop(_ service: ServiceName) async {
    guard let child = children[service], child.exitIfEnded == nil else { return }
    if !isForced { child.signal(SIGTERM) }
    if await child.exit(within: isForced ? .zero : options.drainTimeout) == nil {
      if !isForced {
        report("\(service.rawValue) did not drain within \(options.drainTimeout.formatted)")
      }
      child.signal(SIGKILL)
      _ = await child.exit(within: .seconds(5))
    }
    unlink(options.state.readyFile(of: service.rawValue))
  }

  private func force() async {
    isForced = true
    report("stopping at once")
    for child in children.values { child.signal(SIGKILL) }
    if cluster.isRunning, children.values.allSatisfy({ $0.exitIfEnded != nil }) {
      try? await cluster.stop(immediately: true)
    }
  }
}

extension Duration {
  /// Seconds with one decimal, for messages.
  fileprivate var formatted: String {
    formatted(.units(allowed: [.seconds], width: .narrow, fractionalPart: .show(length: 1)))
  }
}
