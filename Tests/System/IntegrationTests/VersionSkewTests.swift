import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// During an update a service meets peers of the version before and of the version after its own.
@Suite(.timeLimit(.minutes(5))) struct VersionSkewTests {
  private static let path = "/proxy/custom/local/v1/models"

  /// A gateway of its own whose services, behind the stack's database, are of another version.
  private struct Scene {
    let stack: RunningStack
    let upstream: UpstreamServer
    let services: [String: OtherVersion]
    let instances: [Instance]
    /// `http://host:port` of the gateway.
    let address: String

    /// - Parameter vaultsLog: how the log differs for the vault that the gateway uses; nil: not.
    init(
      _ differences: OtherVersion.Differences, vaultsLog: OtherVersion.Differences? = nil
    ) async throws {
      (stack, upstream) = try await SharedStack.shared.get()
      let endpoints = try #require(
        try Endpoints.read(from: StateDirectory(stack.stateDirectory))?.services)
      var addresses = endpoints.mapValues(\.address)
      var instances: [Instance] = []
      var services: [String: OtherVersion] = [:]
      if let vaultsLog {
        let log = try await OtherVersion(
          of: "audit", at: try #require(addresses["audit"]), for: "vault", in: stack, vaultsLog)
        services["audit of vault"] = log
        instances += try await Fleet.instances(
          1, of: "vault", beside: stack, ["AUDIT_ADDRESS": log.address])
        addresses["vault"] = instances[0].address
      }
      var variables: [String: String] = [:]
      for name in ["auth", "vault", "audit"] {
        let service = try await OtherVersion(
          of: name, at: try #require(addresses[name]), for: "gateway", in: stack, differences)
        services[name] = service
        variables["\(name.uppercased())_ADDRESS"] = service.address
      }
      instances += try await Fleet.instances(1, of: "gateway", beside: stack, variables)
      self.services = services
      self.instances = instances
      address = "http://\(instances[instances.count - 1].address)"
    }

    func calls(_ service: String, _ method: String) -> Int {
      services[service]?.callCount(of: method) ?? 0
    }

    /// Signs up, stores a key and makes an access token.
    func person() async throws -> (owner: Portal, program: Portal) {
      let owner = Portal(address)
      _ = try await owner.signUpAndLogIn()
      let added = try await owner.addKey(
        "custom", "sk-0123456789abcdef", label: "local",
        baseURL: "http://\(upstream.authority)/v1")
      #expect(added.status == 201, "\(added.text)")
      let listed = try await owner.send(.GET, "/api/v1/provider-configs").list("providerConfigs")
      #expect(listed.count == 1)
      return (owner, Portal(address, bearer: try await owner.accessToken()))
    }

    func stop() async {
      for instance in instances { instance.signal(SIGKILL) }
      for service in services.values { await service.stop() }
    }
  }

  private func tokenIDs(_ owner: Portal) async throws -> [String] {
    try await owner.send(.GET, "/api/v1/access-tokens").list("accessTokens")
      .compactMap { $0["id"] as? String }
  }

  @Test func fieldsThatAPeerDoesNotKnowAreNoHindrance() async throws {
    var newer = OtherVersion.Differences()
    newer.hasNewFields = true
    let scene = try await Scene(newer, vaultsLog: newer)
    let (owner, program) = try await scene.person()
    // Another vault may have delivered a receipt; then the next comes this way.
    repeat {
      #expect(try await program.send(.GET, Self.path).status == 200)
    } while scene.calls("audit of vault", "AppendEvents") == 0
    let events = try await owner.auditEvents { events in
      Set(["credential.resolve", "credential.use", "access-token.create"])
        .isSubset(of: events.compactMap { $0["action"] as? String })
    }
    #expect(events.contains { $0["action"] as? String == "credential.use" })
    #expect(scene.calls("vault", "RecordUses") > 0)
    #expect(scene.calls("auth", "WatchRevocations") > 0)
    let id = try #require(try await tokenIDs(owner).first)
    #expect(try await owner.send(.DELETE, "/api/v1/access-tokens/\(id)").status < 300)
    #expect(try await program.send(.GET, Self.path).status == 401)
    await scene.stop()
  }

  @Test func servicesFromBeforeRevocationsAndUsesWereToldServeTheMainJob() async throws {
    var older = OtherVersion.Differences()
    older.missingMethods = ["WatchRevocations", "RecordUses", "ReportForgery"]
    // `valid_for` and `credential_id`.
    older.missingFields = ["Authenticate": [4, 5]]
    let scene = try await Scene(older)
    let (owner, program) = try await scene.person()
    let before = scene.calls("auth", "Authenticate")
    for _ in 1...3 { #expect(try await program.send(.GET, Self.path).status == 200) }
    // Nothing is taken for known.
    #expect(scene.calls("auth", "Authenticate") - before == 3)
    // The key was used and that is in the log, how the use ended is not.
    while scene.calls("vault", "RecordUses") == 0 { try await Task.sleep(for: .milliseconds(20)) }
    let events = try await owner.auditEvents { events in
      events.contains { $0["action"] as? String == "credential.resolve" }
    }
    let actions = events.compactMap { $0["action"] as? String }
    #expect(actions.contains("credential.resolve") && !actions.contains("credential.use"))
    // A forged request is refused, whether or not that can be recorded.
    let forged = try await owner.send(
      .POST, "/api/v1/access-tokens", json: ["name": "x"], headers: [("x-csrf-token", "wrong")])
    #expect(forged.status == 403)
    #expect(scene.calls("auth", "ReportForgery") == 1)
    let id = try #require(try await tokenIDs(owner).first)
    try await StateDirectory(scene.stack.stateDirectory).cluster().runScript(
      "DELETE FROM auth.access_tokens WHERE id = '\(id)';", database: "chatelaine")
    #expect(try await program.send(.GET, Self.path).status == 401)
    await scene.stop()
  }

  @Test func aVaultFromBeforeTicketsGetsNoReports() async throws {
    var older = OtherVersion.Differences()
    older.missingFields = ["ResolveCredential": [6]]
    let scene = try await Scene(older)
    let (_, program) = try await scene.person()
    for _ in 1...3 { #expect(try await program.send(.GET, Self.path).status == 200) }
    // What is sent when a gateway stops would be sent by now.
    for instance in scene.instances {
      instance.signal(SIGTERM)
      #expect(await instance.exit() == .code(0))
    }
    #expect(scene.calls("vault", "RecordUses") == 0)
    await scene.stop()
  }

  @Test func aValueOfAListThatGrewIsShownAsItsNumber() async throws {
    var newer = OtherVersion.Differences()
    // A scope that this version has no name for.
    newer.additions = ["ListAccessTokens": WireFields.key(7, 0) + [99]]
    let scene = try await Scene(newer)
    let (owner, program) = try await scene.person()
    let listed = try await owner.send(.GET, "/api/v1/access-tokens")
    #expect(listed.status == 200)
    let scopes = listed.list("accessTokens").first?["scopes"] as? [Any]
    #expect(scopes?.first as? String == "USE")
    #expect(scopes?.last as? Int == 99)
    let page = try await owner.send(.GET, "/access-tokens", headers: [("accept", "text/html")])
    #expect(page.status == 200)
    #expect(page.text.contains("use keys"))
    #expect(try await program.send(.GET, Self.path).status == 200)
    await scene.stop()
  }
}
