import Foundation
import OpenSSL
import Testing

@testable import LocalDeployment

@Suite(.timeLimit(.minutes(2))) struct SupervisorTests {
  private struct Session {
    let services: StandInServices
    let messages: Messages
    let requests: StopRequests
    let task: Task<Void, any Error>

    func stop() async throws {
      requests.send()
      try await task.value
    }
  }

  private func start(_ services: StandInServices, options: SupervisorOptions) throws -> Session {
    let (messages, requests) = (Messages(), StopRequests())
    let supervisor = try Supervisor(
      options, announce: { messages.add($0) }, report: { messages.add($0) })
    return Session(
      services: services, messages: messages, requests: requests,
      task: Task {
        do {
          try await supervisor.run(until: requests)
          messages.end()
        } catch {
          messages.add("failed: \(error)")
          messages.end()
          throw error
        }
      })
  }

  private func start(
    _ scratch: ScratchDirectory, _ services: StandInServices? = nil
  ) async throws -> Session {
    let services = try services ?? StandInServices(scratch)
    let session = try start(services, options: services.options())
    try await session.messages.wait(for: "Chatelaine is ready: http://127.0.0.1:")
    return session
  }

  @Test func servicesStartAfterWhatTheyNeedAndStopBeforeIt() async throws {
    let scratch = try ScratchDirectory()
    let session = try await start(scratch)
    let state = StateDirectory(scratch / "state")
    let endpoints = try #require(try Endpoints.read(from: state))
    #expect(Set(endpoints.services.keys) == ["auth", "vault", "audit", "gateway"])
    try await session.stop()

    let events = session.services.events
    #expect(events.count == 8)
    #expect(events.first == "audit starts")
    #expect(events[3...4] == ["gateway starts", "gateway ends"])
    #expect(events.last == "audit ends")
    #expect(try Endpoints.read(from: state) == nil)
    #expect(session.messages.lines.count == 1, "\(session.messages.lines)")
    #expect(Postmaster(dataDirectory: try state.cluster().dataDirectory).processes().isEmpty)
  }

  @Test func eachServiceGetsItsOwnSecretsAndNobodyElses() async throws {
    let scratch = try ScratchDirectory()
    let session = try await start(scratch)
    try await session.stop()
    let auth = try session.services.environment(of: .auth)
    let vault = try session.services.environment(of: .vault)
    let gateway = try session.services.environment(of: .gateway)

    #expect(auth["ASSERTION_SIGNING_KEY_FILE"] != nil)
    #expect(vault["ASSERTION_SIGNING_KEY_FILE"] == nil)
    #expect(vault["ENCRYPTION_MASTER_KEY_FILE"] != nil)
    #expect(auth["ENCRYPTION_MASTER_KEY_FILE"] == nil)
    #expect(vault["DATABASE_URL_FILE"] == "database-url")
    #expect(gateway.keys.allSatisfy { !$0.contains("DATABASE") && !$0.contains("MASTER") })
    #expect(gateway["VAULT_ADDRESS"]?.hasPrefix("127.0.0.1:") == true)
    for environment in [auth, vault, gateway] {
      #expect(environment["LOG_LEVEL"] == "debug")
      #expect(environment["SESSION_MAX_AGE"] == "1h")
      #expect(environment["CHATELAINE_ENDPOINT_ALLOWLIST"] == "127.0.0.1:9")
      for name in ["OPENAI_API_KEY", "PGPASSWORD", "DATABASE_URL"] {
        #expect(environment[name] == nil)
      }
    }
  }

  @Test func aKeyThatTheOperatorLendsReachesTheVaultAlone() throws {
    let environment = ServiceEnvironment(
      inherited: [
        "CHATELAINE_ENV_FALLBACK": "openai", "OPENAI_API_KEY": "sk-lent",
        "ANTHROPIC_API_KEY": "sk-not-lent",
      ], operatorKeys: ["OPENAI_API_KEY"])
    for service in ServiceName.allCases {
      let variables = environment.variables(
        for: service, listenAddress: "127.0.0.1:0", addresses: [:], portal: "127.0.0.1:0")
      #expect(variables["OPENAI_API_KEY"] == (service == .vault ? "sk-lent" : nil))
      #expect(variables["ANTHROPIC_API_KEY"] == nil)
    }
  }

  /// Its name looks like a credential's; without it the gateway wouldn't start.
  @Test func theKeyForHTTPSReachesTheGatewayAlone() {
    let environment = ServiceEnvironment(inherited: [
      "HTTPS_CERTIFICATE_FILE": "/portal.pem", "HTTPS_PRIVATE_KEY_FILE": "/portal.key",
    ])
    for service in ServiceName.allCases {
      let variables = environment.variables(
        for: service, listenAddress: "127.0.0.1:0", addresses: [:], portal: "127.0.0.1:0")
      #expect(
        variables["HTTPS_PRIVATE_KEY_FILE"] == (service == .gateway ? "/portal.key" : nil))
    }
  }

  @Test func nothingSecretIsReadableByOthers() async throws {
    let scratch = try ScratchDirectory()
    let session = try await start(scratch)
    try await session.stop()
    let state = scratch / "state"
    #expect(try ScratchDirectory.mode(state) & 0o007 == 0)
    let files = FileManager.default.enumerator(atPath: state)?.compactMap { $0 as? String } ?? []
    #expect(files.contains("secrets/master.key"))
    for file in files where !file.hasPrefix("postgres/data/") {
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(state)/\(file)")
      guard attributes[.type] as? FileAttributeType == .typeRegular else { continue }
      let isPublic = file.hasSuffix(".pem") && !file.hasSuffix("signing.pem")
      let mode = try ScratchDirectory.mode("\(state)/\(file)")
      let isOfService = file.hasPrefix("services/") && !file.hasSuffix(ServiceDirectory.ready)
      #expect(mode == (isOfService ? 0o400 : isPublic ? 0o644 : 0o600), "\(file)")
    }
  }

  @Test func aSecondStartKeepsKeysAndCertificates() async throws {
    let scratch = try ScratchDirectory()
    let kept = [
      "secrets/master.key", "secrets/assertion-signing.pem", "secrets/log-signing.pem",
      "certificates/auth.pem",
    ]
    let contents = { try kept.map { try SecretFile.read(scratch / "state/\($0)") } }
    try await start(scratch).stop()
    let first = try contents()
    try await start(scratch).stop()
    #expect(try contents() == first)
    #expect(first.allSatisfy { $0 != nil })
  }

  @Test func aMissingMasterKeyBesideADatabaseIsNotReplaced() async throws {
    let scratch = try ScratchDirectory()
    try await start(scratch).stop()
    let key = scratch / "state/secrets/master.key"
    try FileManager.default.removeItem(atPath: key)
    let services = try StandInServices(scratch)
    let session = try start(services, options: services.options())
    await #expect(throws: DeploymentError.self) { try await session.task.value }
    #expect(!FileManager.default.fileExists(atPath: key))
  }

  @Test func aCrashedServiceComesBackAtItsAddress() async throws {
    let scratch = try ScratchDirectory()
    let session = try await start(scratch)
    let state = StateDirectory(scratch / "state")
    let before = try #require(try Endpoints.read(from: state)?.services["vault"])
    kill(before.processID, SIGKILL)
    try await session.messages.wait(for: "vault ended with signal 9")
    try await session.messages.wait(for: "vault runs again")
    let after = try #require(try Endpoints.read(from: state)?.services["vault"])
    #expect(after.address == before.address)
    #expect(after.processID != before.processID)
    try await session.stop()
  }

  /// The pause that doubles with each crash would keep the portal down for half a minute after a
  /// few rolling restarts.
  @Test func aServiceThatIsToldToEndComesBackAtOnceEachTime() async throws {
    let scratch = try ScratchDirectory()
    let services = try StandInServices(scratch)
    var options = services.options()
    options.steadyAfter = .zero
    let session = try start(services, options: options)
    try await session.messages.wait(for: "Chatelaine is ready")
    for round in 1...3 {
      let running = try Endpoints.read(from: options.state)?.services["vault"]
      kill(try #require(running).processID, SIGTERM)
      try await session.messages.wait(for: "vault runs again", times: round)
    }
    let restarts = session.messages.lines.filter { $0.hasPrefix("vault ended with") }
    #expect(restarts.count == 3)
    #expect(restarts.allSatisfy { $0.contains("exit status 0; starting it again at once") })
    try await session.stop()
  }

  /// A certificate of 90 days runs out under a portal that runs for longer.
  @Test func aServiceThatEndsAfterItsCertificateDidIsStartedWithAnother() async throws {
    let scratch = try ScratchDirectory()
    let session = try await start(scratch)
    let state = StateDirectory(scratch / "state")
    let authority = try DevelopmentCA.loadOrCreate(in: state.certificates)
    let expired = try authority.issue(.expired(service: "vault"), in: state.certificates)
    kill(try #require(try Endpoints.read(from: state)?.services["vault"]).processID, SIGKILL)
    try await session.messages.wait(for: "vault runs again")
    let pem = try #require(try SecretFile.read(expired.certificate))
    #expect(!CertificateContents(try Certificate(pem: pem)).isDue(at: time(nil)))
    try await session.stop()
  }

  @Test func certificatesAreRenewedWhileEverythingRuns() async throws {
    let scratch = try ScratchDirectory()
    let services = try StandInServices(scratch)
    var options = services.options()
    options.certificateInterval = .milliseconds(20)
    let session = try start(services, options: options)
    try await session.messages.wait(for: "Chatelaine is ready")
    let authority = try DevelopmentCA.loadOrCreate(in: options.state.certificates)
    var ending = LeafCertificate(service: "gateway")
    ending.validFrom = -100
    ending.validTo = 40
    // Made elsewhere and moved there: the supervisor may write the same files at that moment.
    let made = try authority.issue(ending, in: scratch / "elsewhere")
    let paths = options.state.certificatePaths(of: "gateway")
    for (source, target) in [
      (made.privateKey, paths.privateKey), (made.certificate, paths.certificate),
    ] { #expect(rename(source, target) == 0) }
    var isDue = true
    while isDue {
      try await Task.sleep(for: .milliseconds(5))
      guard let pem = try SecretFile.read(paths.certificate) else { continue }
      isDue = CertificateContents(try Certificate(pem: pem)).isDue(at: time(nil))
    }
    try await session.stop()
  }

  @Test func aMigrationThatFailsStopsTheStartAndNoServiceHasItsURL() async throws {
    let scratch = try ScratchDirectory()
    let services = try StandInServices(scratch)
    try services.replace(.vault, with: StandInServices.wellBehaved, migrationStatus: 1)
    let session = try start(services, options: services.options())
    let error = await #expect(throws: DeploymentError.self) { try await session.task.value }
    #expect("\(try #require(error))".contains("vault failed"))
    #expect(services.events.isEmpty)

    try services.replace(.vault, with: StandInServices.wellBehaved)
    try await start(scratch, services).stop()
    let migration = try String(
      contentsOfFile: "\(services.journal).auth.migration", encoding: .utf8)
    #expect(migration.contains("MIGRATION_DATABASE_URL"))
    for service in ServiceName.allCases where service != .gateway {
      let environment = try services.environment(of: service)
      #expect(environment.keys.allSatisfy { !$0.contains("MIGRATION") })
    }
  }

  @Test func aCrashedClusterComesBack() async throws {
    let scratch = try ScratchDirectory()
    let session = try await start(scratch)
    let cluster = try StateDirectory(scratch / "state").cluster()
    let postmaster = Postmaster(dataDirectory: cluster.dataDirectory)
    kill(try #require(postmaster.recordedID), SIGKILL)
    try await session.messages.wait(for: "PostgreSQL runs again")
    #expect(try await cluster.runScript("SELECT 1;") == "1\n")
    try await session.stop()
    #expect(postmaster.processes().isEmpty)
  }

  @Test func aServiceThatFailsToStartStopsEverythingAndSaysWhy() async throws {
    let scratch = try ScratchDirectory()
    let services = try StandInServices(scratch)
    try services.replace(.vault, with: StandInServices.fails)
    let session = try start(services, options: services.options())
    let error = await #expect(throws: DeploymentError.self) { try await session.task.value }
    #expect("\(try #require(error))".contains("the migration 0001 failed"))
    #expect(services.events.last == "audit ends")
    let cluster = try StateDirectory(scratch / "state").cluster()
    #expect(Postmaster(dataDirectory: cluster.dataDirectory).processes().isEmpty)
  }

  @Test(arguments: [
    (503, #"{"status":"unavailable","services":{"auth":"ok","vault":"unreachable"}}"#, "vault"),
    (500, "", "its services"),
  ])
  func aPortalThatCannotServeIsNotCalledReady(
    status: Int, body: String, missing: String
  ) async throws {
    let scratch = try ScratchDirectory()
    let services = try StandInServices(scratch)
    try services.replace(.gateway, with: StandInServices.gateway(status: status, body: body))
    var options = services.options()
    options.readyTimeout = .milliseconds(200)
    let session = try start(services, options: options)
    let error = await #expect(throws: DeploymentError.self) { try await session.task.value }
    let text = "\(try #require(error))"
    #expect(text.contains("it does not reach \(missing)"))
    #expect(text.contains("logs/vault.log"))
    #expect(!session.messages.lines.contains { $0.contains("is ready") })
    #expect(services.events.last == "audit ends")
  }

  @Test func aSecondRequestKillsWhatDoesNotDrain() async throws {
    let scratch = try ScratchDirectory()
    let services = try StandInServices(scratch)
    try services.replace(.gateway, with: StandInServices.gateway(ignoringTermination: true))
    let session = try start(services, options: services.options())
    try await session.messages.wait(for: "Chatelaine is ready")
    session.requests.send()
    session.requests.send()
    try await session.task.value
    #expect(session.messages.lines.contains("stopping at once"))
  }

  @Test func aServiceThatIgnoresTheRequestIsKilledInTheEnd() async throws {
    let scratch = try ScratchDirectory()
    let services = try StandInServices(scratch)
    try services.replace(.vault, with: StandInServices.ignoresTermination)
    var options = services.options()
    options.drainTimeout = .milliseconds(200)
    let session = try start(services, options: options)
    try await session.messages.wait(for: "Chatelaine is ready")
    try await session.stop()
    #expect(session.messages.lines.contains { $0.hasPrefix("vault did not drain") })
  }

  @Test func aBusyPortIsNamed() async throws {
    let scratch = try ScratchDirectory()
    let services = try StandInServices(scratch)
    let listener = try BusyPort()
    let session = try start(services, options: services.options(port: listener.port))
    let error = await #expect(throws: DeploymentError.self) { try await session.task.value }
    #expect("\(try #require(error))".contains("\(listener.port)"))
    #expect(services.events.isEmpty)
    // What can't begin leaves nothing half-made behind.
    #expect(!FileManager.default.fileExists(atPath: scratch / "state"))
  }

  @Test func twoSupervisorsDoNotShareAStateDirectory() async throws {
    let scratch = try ScratchDirectory()
    let session = try await start(scratch)
    let second = try start(session.services, options: session.services.options())
    await #expect(throws: DeploymentError.inUse(path: scratch / "state")) {
      try await second.task.value
    }
    try await session.stop()
  }
}
