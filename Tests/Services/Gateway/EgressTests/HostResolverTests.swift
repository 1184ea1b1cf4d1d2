import Testing

@testable import Egress

@Suite struct HostResolverTests {
  @Test func theMachinesOwnNameIsFoundAndRemembered() async throws {
    let resolver = SystemHostResolver()
    let found = try await resolver.addresses(of: "localhost")
    #expect(found.contains { AddressPolicy.refusal(of: $0) == "a loopback address" })
    #expect(try await resolver.addresses(of: "localhost") == found)
  }

  @Test func aNameThatCannotExistIsUnresolvable() async {
    let resolver = SystemHostResolver()
    await #expect(throws: EndpointRefusal.unresolvable) {
      try await resolver.addresses(of: "a..b")
    }
  }
}
