import Callers
import Foundation
import Identity
import LocalDeployment
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Protobuf
import RPC
import RPCTransport
import ServiceAPI
import TLS
import TestSupport
import Testing

/// A thief has the gateway's certificate and key, reaches the services, and has caught what went by
/// between the gateway and each of them while somebody used the portal.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ThiefTests {
  private static let path = "/proxy/custom/local/v1/models"

  private struct Caught {
    let purpose: AssertionPurpose
    let assertion: [UInt8]
  }

  private struct Scene {
    let stack: RunningStack
    let victim: Portal
    let caught: [Caught]
    let services: [String: RPCClient]
    private let relays: [OtherVersion]
    private let gateway: Instance

    /// - Parameter certificate: what the thief shows to the services; nil: the gateway's own.
    init(certificate: CertificatePaths? = nil) async throws {
      let (stack, upstream) = try await SharedStack.shared.get()
      let state = StateDirectory(stack.stateDirectory)
      let endpoints = try #require(try Endpoints.read(from: state)?.services)
      var variables: [String: String] = [:]
      var wires: [String: OtherVersion] = [:]
      for name in ["auth", "vault", "audit"] {
        let wire = try await OtherVersion(
          of: name, at: try #require(endpoints[name]?.address), for: "gateway", in: stack,
          .init())
        wires[name] = wire
        variables["\(name.uppercased())_ADDRESS"] = wire.address
      }
      let gateway = try await Fleet.instances(1, of: "gateway", beside: stack, variables)[0]
      let victim = Portal("http://\(gateway.address)")
      _ = try await victim.signUpAndLogIn("victim")
      let added = try await victim.addKey(
        "custom", "sk-0123456789abcdef", label: "local",
        baseURL: "http://\(upstream.authority)/v1")
      #expect(added.status == 201, "\(added.text)")
      let program = Portal("http://\(gateway.address)", bearer: try await victim.accessToken())
      #expect(try await program.send(.GET, ThiefTests.path).status == 200)
      for path in ["sessions", "provider-configs", "audit-events"] {
        #expect(try await victim.send(.GET, "/api/v1/\(path)").status == 200)
      }
      let calls: [(AssertionPurpose, MethodDescriptor)] = [
        (AssertionPurpose(.auth, .read), AuthAPI.AuthMethods.listSessions),
        (AssertionPurpose(.vault, .read), VaultAPI.VaultMethods.listProviderConfigs),
        (AssertionPurpose(.vault, .manage), VaultAPI.VaultMethods.createProviderConfig),
        (AssertionPurpose(.vault, .use), VaultAPI.VaultMethods.resolveCredential),
        (AssertionPurpose(.audit, .read), AuditAPI.AuditMethods.listEvents),
      ]
      caught = try calls.map { purpose, method in
        let metadata = wires[purpose.audience.rawValue]?.metadata(of: method)
        return Caught(
          purpose: purpose,
          assertion: try #require(metadata?.bytes(CallMetadata.assertion), "\(method.path)"))
      }
      let paths = certificate ?? state.certificatePaths(of: "gateway")
      var services: [String: RPCClient] = [:]
      for name in ["auth", "vault", "audit"] {
        let parts = try #require(endpoints[name]?.address).split(separator: ":")
        services[name] = RPCClient(
          RPCClientConfiguration(
            host: String(parts[0]), port: try #require(Int(parts[1])),
            tls: TLSConfiguration(
              certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
              certificateAuthorityFile: paths.authority),
            serverIdentity: PeerIdentity.of(name)),
          eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
          logger: Logger(label: "thief") { _ in SwiftLogNoOpLogHandler() })
      }
      (self.stack, self.victim, self.services, self.gateway) = (stack, victim, services, gateway)
      relays = Array(wires.values)
    }

    func assertion(for purpose: AssertionPurpose) throws -> [UInt8] {
      try #require(caught.first { $0.purpose == purpose }).assertion
    }

    /// How a call with a caught assertion ends; nil: it was answered.
    func outcome(
      _ method: MethodDescriptor, _ assertion: [UInt8], _ request: ByteBuffer = ByteBuffer()
    ) async throws -> RPCError.Code? {
      let audience = try #require(AssertionAudience(serviceName: method.service))
      do throws(RPCError) {
        _ = try await client(audience.rawValue).unary(
          method, request: request,
          options: .acting(with: assertion, origin: CallOrigin(ipAddress: "192.0.2.66")))
        return nil
      } catch {
        return error.code
      }
    }

    func client(_ audience: String) throws(RPCError) -> RPCClient {
      guard let client = services[audience] else { throw RPCError(.internal, audience) }
      return client
    }

    func stop() async {
      for client in services.values { await client.close() }
      gateway.signal(SIGKILL)
      for relay in relays { await relay.stop() }
    }
  }

  private static let methods =
    (AuthAPI.AuthMethods.all + VaultAPI.VaultMethods.all + AuditAPI.AuditMethods.all)
    .filter { $0.shape == .unary }

  /// Everything with everything: what was caught opens the methods of its class at its service, and
  /// no other. In `auth` that leaves reading, so nothing that lasts.
  @Test func aCaughtAssertionIsForOneServiceAndOneClassOfMethods() async throws {
    let scene = try await Scene()
    for caught in scene.caught {
      for method in Self.methods {
        let audience = try #require(AssertionAudience(serviceName: method.service))
        let isItsOwn =
          caught.purpose
          == AssertionPurpose(audience, MethodClass(methodName: method.method))
        let outcome = try await scene.outcome(method, caught.assertion)
        if isItsOwn {
          #expect(outcome != .unauthenticated, "\(method.path) with \(caught.purpose)")
        } else {
          // Methods that aren't the gateway's are refused before anybody looks at assertions.
          #expect(
            outcome == .unauthenticated || outcome == .permissionDenied,
            "\(method.path) with \(caught.purpose): \(String(describing: outcome))")
        }
      }
    }
    await scene.stop()
  }

  @Test func aThiefGetsNoRightThatLasts() async throws {
    let scene = try await Scene()
    let before = try await scene.victim.send(.GET, "/api/v1/access-tokens").list("accessTokens")
    for caught in scene.caught {
      let requests: [(MethodDescriptor, ByteBuffer)] = [
        (
          AuthAPI.AuthMethods.createAccessToken,
          AuthAPI.CreateAccessTokenRequest(name: "thief", scopes: [.use, .manage]).enveloped()
        ),
        (
          AuthAPI.AuthMethods.confirmSession,
          AuthAPI.ConfirmSessionRequest(password: Portal.password).enveloped()
        ),
        (
          AuthAPI.AuthMethods.changePassword,
          AuthAPI.ChangePasswordRequest(
            currentPassword: Portal.password, newPassword: "a thief's own password"
          ).enveloped()
        ),
        (
          AuthAPI.AuthMethods.createAuthenticator,
          AuthAPI.CreateAuthenticatorRequest().enveloped()
        ),
      ]
      for (method, request) in requests {
        #expect(
          try await scene.outcome(method, caught.assertion, request) == .unauthenticated,
          "\(method.path) with \(caught.purpose)")
      }
    }
    let after = try await scene.victim.send(.GET, "/api/v1/access-tokens").list("accessTokens")
    #expect(after.count == before.count)
    #expect(try await scene.victim.send(.GET, "/api/v1/me").status == 200)
    await scene.stop()
  }

  @Test func aThiefForgesNoEntry() async throws {
    let scene = try await Scene()
    let me = try await scene.victim.send(.GET, "/api/v1/me").string("id")
    let event = AuditAPI.AuditEvent(
      id: UUID().uuidString.lowercased(), time: Timestamp(Date()), action: "account.delete",
      outcome: .success, accountId: me)
    let append = AuditAPI.AppendEventsRequest(events: [event]).enveloped()
    let forgery = AuthAPI.ReportForgeryRequest(request: "POST /forged").enveloped()
    for caught in scene.caught {
      #expect(
        try await scene.outcome(AuditAPI.AuditMethods.appendEvents, caught.assertion, append)
          == .permissionDenied)
      #expect(
        try await scene.outcome(AuthAPI.AuthMethods.reportForgery, caught.assertion, forgery)
          == .unauthenticated)
    }
    // A use's end needs the ticket that the vault gave with the key.
    let made = VaultAPI.UseEnd(useTicket: Array("made up".utf8))
    let recorded: VaultAPI.RecordUsesResponse = try await scene.client("vault").unary(
      VaultAPI.VaultMethods.recordUses, VaultAPI.RecordUsesRequest(uses: [made]),
      options: CallOptions())
    #expect(recorded.recorded == 0)
    #expect(recorded.refused == 1)

    // Entries arrive in order: what the victim does last comes behind whatever the thief did.
    _ = try await scene.victim.accessToken("the last")
    let events = try await scene.victim.auditEvents { events in
      events.contains { ($0["target"] as? [String: Any])?["name"] as? String == "the last" }
    }
    let actions = Set(events.compactMap { $0["action"] as? String })
    #expect(actions.isDisjoint(with: ["account.delete", "request.forge"]), "\(actions)")
    #expect(!events.contains { $0["ipAddress"] as? String == "192.0.2.66" })
    await scene.stop()
  }

  /// For a minute a thief can do what the gateway could; not without a trace.
  @Test func aKeyThatAThiefOpensIsInItsOwnersLog() async throws {
    let scene = try await Scene()
    let request = VaultAPI.ResolveCredentialRequest(
      provider: "custom", label: "local", purpose: "GET /thief")
    let assertion = try scene.assertion(for: AssertionPurpose(.vault, .use))
    _ = try await scene.outcome(
      VaultAPI.VaultMethods.resolveCredential, assertion, request.enveloped())
    let events = try await scene.victim.auditEvents { events in
      events.contains { $0["ipAddress"] as? String == "192.0.2.66" }
    }
    let entry = try #require(events.first { $0["ipAddress"] as? String == "192.0.2.66" })
    #expect(entry["action"] as? String == "credential.resolve")
    await scene.stop()
  }

  /// Another certificate in the gateway's name, as one that was renewed, or stolen earlier.
  @Test func whatWasCaughtIsWorthNothingWithAnotherCertificateOfTheGateway() async throws {
    let (stack, _) = try await SharedStack.shared.get()
    let state = StateDirectory(stack.stateDirectory)
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("thief-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let other = CertificatePaths(
      certificate: directory + "/tls.pem", privateKey: directory + "/tls.key",
      authority: state.certificatePaths(of: "gateway").authority)
    try DevelopmentCA.loadOrCreate(in: state.certificates).ensure(
      LeafCertificate(service: "gateway", instance: nil, dnsNames: []), at: other)
    let scene = try await Scene(certificate: other)
    for caught in scene.caught {
      for method in Self.methods where MethodClass(methodName: method.method) == .read {
        let outcome = try await scene.outcome(method, caught.assertion)
        #expect(
          outcome == .unauthenticated || outcome == .permissionDenied,
          "\(method.path) with \(caught.purpose): \(String(describing: outcome))")
      }
    }
    await scene.stop()
  }
}
