import Foundation
import LocalDeployment
import TestSupport
import Testing

/// One machine, started by root: what a service that was taken over could do to the others.
@Suite(.enabled(if: geteuid() == 0 && Separation.current == .users)) struct SeparationTests {
  /// What the kernel says of a process.
  private struct Rights {
    let userIDs: Set<String>
    let groupID: String
    let groups: [String]
    let capabilities: Set<String>
    let hasNoNewPrivileges: Bool

    init(of process: Int32) throws {
      let text = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
      func words(_ name: String) -> [String] {
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
        return line.split(whereSeparator: { " \t".contains($0) }).dropFirst().map(String.init)
      }
      userIDs = Set(words("Uid"))
      groupID = words("Gid").first ?? ""
      groups = words("Groups")
      capabilities = Set(["CapInh", "CapPrm", "CapEff", "CapAmb"].flatMap(words))
      hasNoNewPrivileges = words("NoNewPrivs") == ["1"]
    }
  }

  private func rights(_ stack: RunningStack) throws -> [String: Rights] {
    let services = try #require(
      try Endpoints.read(from: StateDirectory(stack.stateDirectory))?.services)
    return try services.mapValues { try Rights(of: $0.processID) }
  }

  @Test func eachServiceHasAUserOfItsOwnAndNothingBesides() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let rights = try rights(stack)
    #expect(rights.count == 4)
    #expect(rights.values.allSatisfy { $0.userIDs.count == 1 && !$0.userIDs.contains("0") })
    #expect(Set(rights.values.flatMap(\.userIDs)).count == 4)
    #expect(Set(rights.values.map(\.groupID)).count == 4)
    #expect(rights.values.allSatisfy { $0.capabilities == ["0000000000000000"] })
    #expect(rights.values.allSatisfy { $0.hasNoNewPrivileges })
    // Of what they share there is the way to the database, which the gateway has not.
    #expect(rights["gateway"]?.groups == [])
    let shared = ["auth", "vault", "audit"].compactMap { rights[$0]?.groups }
    #expect(shared.count == 3 && Set(shared).count == 1)
  }

  /// Runs `script` with the rights of a service, in the directory of `owner`.
  private func run(
    _ script: String, as service: String, in owner: String
  ) async throws -> (isSuccess: Bool, output: String) {
    let (stack, _) = try await SharedStack.shared.get()
    let rights = try #require(try rights(stack)[service])
    let groups = rights.groups.isEmpty ? ["--clear-groups"] : ["--groups", rights.groups[0]]
    let output = Transcript()
    let process = try await ChildProcess.spawn(
      Command(
        path: "/usr/bin/setpriv",
        arguments: [
          "--reuid", rights.userIDs.first ?? "", "--regid", rights.groupID, "--inh-caps=-all",
        ] + groups + ["python3", "-c", script],
        environment: ["PATH": "/usr/bin:/bin"],
        workingDirectory: "\(stack.stateDirectory)/services/\(owner)"),
      onOutput: { output.append($0) })
    let exit = await process.exit()
    await output.end(within: .seconds(10))
    return (exit == .code(0), output.text)
  }

  @Test func aServiceReadsItsOwnSecretsOnly() async throws {
    let secrets = [
      "vault": ["master.key", "database-url", "tls.key"],
      "auth": ["assertion-signing.pem", "database-url", "tls.key"],
      "audit": ["database-url", "tls.key"], "gateway": ["tls.key"],
    ]
    for (owner, files) in secrets {
      for service in secrets.keys {
        for file in files {
          let (isSuccess, output) = try await run(
            "print(len(open('\(file)').read()))", as: service, in: owner)
          #expect(isSuccess == (service == owner), "\(service), \(owner)/\(file): \(output)")
          if service != owner { #expect(output.contains("PermissionError")) }
        }
      }
    }
  }

  @Test func noServiceChangesItsSecretsOrReachesTheOperators() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    for script in [
      "open('tls.key', 'a')", "open('new', 'w')",
      "open('\(stack.stateDirectory)/secrets/master.key')",
      "open('\(stack.stateDirectory)/certificates/operator.key')",
    ] {
      let (isSuccess, output) = try await run(script, as: "gateway", in: "gateway")
      #expect(!isSuccess && output.contains("PermissionError"), "\(script): \(output)")
    }
  }

  @Test(arguments: ["auth", "vault", "audit", "gateway"])
  func onlyServicesWithDataReachTheDatabase(_ service: String) async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let cluster = try StateDirectory(stack.stateDirectory).cluster()
    let socket = "\(cluster.socketDirectory)/.s.PGSQL.\(cluster.port)"
    let (isSuccess, output) = try await run(
      "import socket; socket.socket(socket.AF_UNIX).connect('\(socket)')", as: service,
      in: service)
    #expect(isSuccess == (service != "gateway"), "\(output)")
    if service == "gateway" { #expect(output.contains("PermissionError")) }
  }

  @Test func noServiceSignalsAnother() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let vault = try #require(
      try Endpoints.read(from: StateDirectory(stack.stateDirectory))?.services["vault"])
    let (isSuccess, output) = try await run(
      "import os; os.kill(\(vault.processID), 0)", as: "gateway", in: "gateway")
    #expect(!isSuccess && output.contains("PermissionError"))
  }
}
