import LocalDeployment
import TestSupport
import Testing

/// What grpcio sees of the services, in whose name it asks.
@Suite struct StandardServicesTests {
  private static let services = [
    ("auth", "chatelaine.auth.v1.Auth"), ("vault", "chatelaine.vault.v1.Vault"),
    ("audit", "chatelaine.audit.v1.Audit"),
  ]

  private func look(at service: String, _ name: String, as peer: String) async throws -> Answer {
    let (stack, _) = try await SharedStack.shared.get()
    let state = StateDirectory(stack.stateDirectory)
    let paths = state.certificatePaths(of: peer)
    let address = try #require(try Endpoints.read(from: state)?.services[service]?.address)
    let found = try await runPython(
      "browse_service",
      [address, name, paths.certificate, paths.privateKey, paths.authority])
    return Answer(
      statuses: ["health", "watched", "process"].map { found[$0] as? String },
      services: found["services"] as? [String], refusal: found["services"] as? String)
  }

  private struct Answer {
    let statuses: [String?]
    let services: [String]?
    let refusal: String?
  }

  @Test(arguments: services)
  func anOperatorSeesHealthAndAPI(_ service: String, _ name: String) async throws {
    let answer = try await look(at: service, name, as: ServiceName.operatorCertificate)
    #expect(answer.statuses == ["SERVING", "SERVING", "SERVING"])
    let keys = "chatelaine.identity.v1.AssertionKeys"
    let own =
      switch service {
      case "vault": [keys, "chatelaine.vault.v1.KeyManagement", name]
      case "audit", "auth": [keys, name].sorted()
      default: [name]
      }
    #expect(
      answer.services == own + [
        "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
      ])
  }

  @Test(arguments: services)
  func anotherServiceSeesHealthOnly(_ service: String, _ name: String) async throws {
    let answer = try await look(at: service, name, as: "gateway")
    #expect(answer.statuses == ["SERVING", "SERVING", "SERVING"])
    #expect(answer.refusal == "PERMISSION_DENIED")
  }
}
