import RPCInProcess
import RPCInterop
import Testing

/// The cases without a socket: the in-process channel must be no easier to please.
@Suite struct InProcessTests {
  @Test(arguments: InteropCase.allCases)
  func theCaseHolds(_ name: InteropCase) async throws {
    let services = InteropServices.all(serverID: "memory", health: InteropServices.makeHealth())
    let cases = InteropCases(channel: InProcessChannel(services: services)) { body in
      try await body(InProcessChannel(services: services))
    }
    try await cases.run(name)
  }
}
