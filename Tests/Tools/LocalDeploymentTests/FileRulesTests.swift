import Foundation
import Testing

@testable import LocalDeployment

/// What the kernel lets a process do that runs by a service's rules, with our user's rights.
@Suite(.enabled(if: FileRules.areKnown)) struct FileRulesTests {
  private let scratch: ScratchDirectory
  private let state: StateDirectory

  init() throws {
    scratch = try ScratchDirectory()
    state = StateDirectory(scratch / "state")
    try state.create()
    try KeyMaterial(state: state).ensure(isFirstStart: true)
    let authority = try DevelopmentCA.loadOrCreate(in: state.certificates)
    for service in ServiceName.allCases {
      _ = try authority.ensure(service: service.rawValue, in: state.certificates)
      if let schema = service.schema {
        try SecretFile.write("postgresql://\(schema)\n", to: state.databaseURLFile(of: schema))
      }
      try directory(of: service).fill()
    }
  }

  private func directory(of service: ServiceName) -> ServiceDirectory {
    ServiceDirectory(service: service, state: state, account: .own)
  }

  /// Runs a program in the place of a service.
  private func run(
    as service: ServiceName, _ path: String, _ arguments: [String],
    environment: [String: String] = [:]
  ) async throws -> String {
    let directory = directory(of: service)
    var command = Command(path: path, arguments: arguments, workingDirectory: directory.path)
    command.fileRules = .ofService(program: path, directory: directory, environment: environment)
    return try await command.run()
  }

  private func canRead(_ path: String, as service: ServiceName) async throws -> Bool {
    do {
      return try await !run(as: service, "/bin/cat", [path]).isEmpty
    } catch DeploymentError.programFailed(_, _, let output) where output.contains("denied") {
      return false
    }
  }

  @Test func aServiceReadsItsOwnSecretsByTheirNames() async throws {
    for name in ["master.key", "tls.key", "tls.pem", "ca.pem", "database-url"] {
      #expect(try await canRead(name, as: .vault), "\(name)")
    }
    #expect(try await canRead("assertion-signing.pem", as: .auth))
    #expect(try await canRead("/etc/passwd", as: .gateway))
  }

  @Test(arguments: [ServiceName.gateway, .auth, .audit])
  func aServiceReadsNoSecretOfAnother(_ service: ServiceName) async throws {
    let vault = directory(of: .vault).path
    for path in [
      "\(vault)/master.key", "\(vault)/database-url", "\(vault)/tls.key", "../vault/master.key",
      state.masterKeyFile, state.passwordFile(of: "vault"), state.certificates + "/ca.key",
      state.certificates + "/operator.key",
    ] where FileManager.default.fileExists(atPath: path) || path.hasPrefix("..") {
      #expect(try await !canRead(path, as: service), "\(path)")
    }
  }

  @Test func aServiceWritesBelowRunAndNowhereElse() async throws {
    _ = try await run(as: .audit, "/usr/bin/touch", ["run/ready"])
    for path in ["master.key", "\(scratch.path)/new", "/tmp/new", "../vault/run/new"] {
      await #expect(throws: DeploymentError.self, "\(path)") {
        try await run(as: .audit, "/usr/bin/touch", [path])
      }
    }
  }

  @Test func whatASettingNamesMayBeRead() async throws {
    let file = scratch / "authorities.pem"
    try SecretFile.write("pem", to: file)
    await #expect(throws: DeploymentError.self) { try await run(as: .gateway, "/bin/cat", [file]) }
    let text = try await run(
      as: .gateway, "/bin/cat", [file], environment: ["CHATELAINE_UPSTREAM_CA_FILE": file])
    #expect(text == "pem")
  }

  /// Root may look into every process; so nobody here is root.
  @Test func whatAnotherProcessOfTheUserWasGivenIsOutOfReach() async throws {
    let account = ServiceAccount(of: .audit)
    var sleep = Command(path: "/bin/sleep", arguments: ["60"], environment: ["SECRET": "x"])
    sleep.account = account
    let other = try await ChildProcess.spawn(sleep)
    var look = Command(path: "/bin/cat", arguments: ["/proc/\(other.id)/environ"])
    look.account = account
    #expect(try await look.run().contains("SECRET=x"))
    look.fileRules = .ofService(
      program: "/bin/cat", directory: directory(of: .audit), environment: [:])
    let error = await #expect(throws: DeploymentError.self) { try await look.run() }
    #expect("\(error, default: "")".contains("environ: "))
    other.signal(SIGKILL)
    _ = await other.exit()
  }

  @Test func aServiceStartsNoOtherProgram() async throws {
    await #expect(throws: DeploymentError.self) {
      try await run(as: .gateway, "/usr/bin/env", ["/bin/cat", "/etc/passwd"])
    }
  }
}
