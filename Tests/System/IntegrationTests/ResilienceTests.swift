import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// What happens when parts stop, die or freeze. Each test has a stack of its own.
@Suite(.serialized) struct ResilienceTests {
  @Test func aSecondStartFindsAllData() async throws {
    let first = try await RunningStack.start()
    let portal = Portal(first.address)
    let email = try await portal.signUpAndLogIn()
    #expect(try await portal.addKey("openai", "sk-0123456789abcdef").status == 201)
    #expect(await first.stop() == .code(0), "\(first.printed)")

    let second = try await RunningStack.start(stateDirectory: first.stateDirectory)
    let again = Portal(second.address)
    #expect(try await again.logIn(email).status == 201)
    let listed = try await again.send(.GET, "/api/v1/provider-configs").list("providerConfigs")
    #expect(listed.count == 1)
    let events = try await again.auditEvents { events in
      events.contains { $0["action"] as? String == "provider-config.create" }
    }
    #expect(events.count { $0["action"] as? String == "provider-config.create" } == 1)
    await second.stopAndRemove()
  }

  @Test func aCrashedServiceIsRestartedAndSaidSo() async throws {
    let stack = try await RunningStack.start()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    for service in ["vault", "audit", "auth"] {
      let process = try #require(try children(of: stack.processID, named: service).first)
      kill(process, SIGKILL)
      try await eventually("\(service) answers again") {
        let isAnother = try children(of: stack.processID, named: service).first != process
        let answer = try await portal.send(.GET, "/api/v1/provider-configs")
        return isAnother && answer.status == 200
      }
      #expect(stack.printed.contains(service))
    }
    await stack.stopAndRemove()
  }

  @Test func aFrozenProcessIsReplaced() async throws {
    let stack = try await RunningStack.start()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    for service in ["auth", "vault", "audit", "gateway"] {
      let process = try #require(try children(of: stack.processID, named: service).first)
      kill(process, SIGSTOP)
      try await eventually("\(service) answers again") {
        let others = try children(of: stack.processID, named: service)
        guard let other = others.first, other != process else { return false }
        return try await portal.send(.GET, "/api/v1/provider-configs").status == 200
      }
      #expect(stack.printed.contains("\(service) is killed: it is stopped and does not answer"))
    }
    await stack.stopAndRemove()
  }

  @Test func whileAuditIsDownReceiptsWaitAndNoneIsLost() async throws {
    let stack = try await RunningStack.start(environment: ["CHATELAINE_HEALTH_WATCH": "off"])
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    let audit = try #require(try children(of: stack.processID, named: "audit").first)
    kill(audit, SIGSTOP)
    for index in 1...20 {
      let added = try await portal.addKey(
        "openai", "sk-0123456789abcdef", label: "label-\(index)")
      #expect(added.status == 201)
    }
    kill(audit, SIGCONT)
    let events = try await portal.auditEvents("action=provider-config.create&pageSize=200") {
      $0.count == 20
    }
    #expect(events.count == 20)
    await stack.stopAndRemove()
  }

  @Test func aFrozenDatabaseIsAnsweredWithinTheDeadlineAndRecovers() async throws {
    let stack = try await RunningStack.start()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    let backends = try postgresProcesses(of: stack)
    #expect(!backends.isEmpty)
    for process in backends { kill(process, SIGSTOP) }
    let frozen = try await portal.send(.GET, "/api/v1/provider-configs")
    #expect((500...504).contains(frozen.status), "\(frozen.text)")
    #expect(try await portal.send(.GET, "/healthz").status == 200)
    try await eventually("auth and the portal are not ready") {
      let own = try await Admin.get("auth", "/readyz", of: stack)
      let portals = try await portal.send(.GET, "/readyz")
      return own.status == 503 && portals.status == 503
        && portals.text.contains("\"auth\":\"not ready\"")
    }
    #expect(try await Admin.probe("auth", [], of: stack).exit == .code(1))
    // To start it again would not mend the database.
    #expect(try await Admin.probe("auth", ["liveness"], of: stack).exit == .code(0))
    for process in backends { kill(process, SIGCONT) }
    try await eventually("the portal answers again") {
      try await portal.send(.GET, "/api/v1/provider-configs").status == 200
    }
    try await eventually("auth and the portal are ready again") {
      let own = try await Admin.get("auth", "/readyz", of: stack)
      let portals = try await portal.send(.GET, "/readyz")
      return own.status == 200 && portals.status == 200
    }
    await stack.stopAndRemove()
  }

  @Test func aSecondSupervisorOnTheSameStateIsRefused() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let second = try await RunningStack.runCommand([
      "up", "--state-dir", stack.stateDirectory, "--port", "0",
    ])
    #expect(second.exit != .code(0))
    #expect(second.output.contains(stack.stateDirectory), "\(second.output)")
  }
}

/// Tries until `condition` holds; a process needs time to come back and nothing announces it.
func eventually(
  _ what: String, within timeout: Duration = .seconds(60), _ condition: () async throws -> Bool
) async throws {
  let limit = ContinuousClock.now.advanced(by: timeout)
  while ContinuousClock.now < limit {
    if (try? await condition()) == true { return }
    try await Task.sleep(for: .milliseconds(50))
  }
  Issue.record("never happened: \(what)")
}
