package import RPC
package import RPCServices

/// Everything that a server of the interoperability tests offers.
package enum InteropServices {
  /// The service of the tests, health and both versions of reflection.
  package static func all(serverID: String, health: HealthService) -> [any RPCService] {
    let described: [any RPCService] = [InteropService(serverID: serverID), health]
    return described + ReflectionService.allVersions(describing: described)
  }

  /// Health that says of the server, and of the service of the tests, that they serve.
  package static func makeHealth() -> HealthService {
    HealthService(["": .serving, TestingAPI.TestServiceMethods.emptyCall.service: .serving])
  }
}
