import Addresses
import Glibc
import NIOCore
import Networking
import Providers
import Synchronization
import Testing

@testable import Egress

@Suite(.timeLimit(.minutes(1))) struct HostResolverTests {
  /// Name servers that answer as they are told; a silent one blocks its look-up until the end.
  private final class NameServers: Sendable {
    private let state = Mutex((answers: [String: String](), queries: [String](), isOver: false))

    var queries: [String] { state.withLock { $0.queries } }

    func set(_ host: String, _ address: String?) {
      state.withLock { $0.answers[host] = address }
    }

    func end() {
      state.withLock { $0.isOver = true }
    }

    @Sendable func lookUp(_ host: String) throws -> [SocketAddress] {
      state.withLock { $0.queries.append(host) }
      while host.hasSuffix(".silent.test"), !state.withLock({ $0.isOver }) { usleep(10_000) }
      guard let address = state.withLock({ $0.answers[host] }) else {
        return try SystemResolver.lookUp("a..b")
      }
      return [try SocketAddress(ipAddress: address, port: 0)]
    }
  }

  private func addresses(
    _ resolver: SystemHostResolver, _ host: String, for user: String = "user"
  ) async -> Result<[String], EndpointRefusal> {
    do {
      return .success(try await resolver.addresses(of: host, for: user).map(\.description))
    } catch {
      return .failure(error)
    }
  }

  @Test func theMachinesOwnNameIsFoundAndRemembered() async throws {
    let resolver = SystemHostResolver(catalogue: .standard)
    let found = try await resolver.addresses(of: "localhost", for: "user")
    #expect(found.contains { AddressPolicy.refusal(of: $0) == "a loopback address" })
    #expect(try await resolver.addresses(of: "localhost", for: "user") == found)
  }

  @Test func aNameThatCannotExistIsUnresolvable() async {
    let resolver = SystemHostResolver(catalogue: .standard)
    #expect(await addresses(resolver, "a..b") == .failure(.unresolvable))
  }

  @Test func aNameThatWasNotFoundIsNotAskedForAgainAtOnce() async {
    let servers = NameServers()
    let resolver = SystemHostResolver(catalogue: .standard, lookUp: servers.lookUp)
    for _ in 0..<3 {
      #expect(await addresses(resolver, "unknown.test") == .failure(.unresolvable))
    }
    #expect(servers.queries == ["unknown.test"])
  }

  @Test func theCataloguesHostsKeepTheirAddressesWhileNobodyAnswers() async {
    let servers = NameServers()
    servers.set("api.openai.com", "8.8.8.8")
    let resolver = SystemHostResolver(catalogue: .standard, lookUp: servers.lookUp)
    #expect(await addresses(resolver, "api.openai.com") == .success(["8.8.8.8"]))
    servers.set("api.openai.com", nil)
    for _ in 0..<3 {
      #expect(await addresses(resolver, "api.openai.com") == .success(["8.8.8.8"]))
    }
  }

  @Test func aUsersSilentNamesStopNobodyElse() async {
    let servers = NameServers()
    defer { servers.end() }
    servers.set("other.test", "8.8.4.4")
    servers.set("api.openai.com", "8.8.8.8")
    let resolver = SystemHostResolver(catalogue: .standard, lookUp: servers.lookUp)
    let silent = (0..<6).map { index in
      Task { await addresses(resolver, "a.b\(index).silent.test", for: "slow") }
    }
    var outcomes: [Result<[String], EndpointRefusal>] = []
    for task in silent { outcomes.append(await task.value) }
    // Four wait in vain; more than that one user may not have under way.
    #expect(outcomes.count { $0 == .failure(.resolverSilent) } == 4)
    #expect(outcomes.count { $0 == .failure(.resolverBusy) } == 2)
    #expect(await addresses(resolver, "other.test", for: "slow") == .failure(.resolverBusy))
    #expect(await addresses(resolver, "other.test", for: "quick") == .success(["8.8.4.4"]))
    #expect(await addresses(resolver, "api.openai.com", for: "slow") == .success(["8.8.8.8"]))
  }
}
