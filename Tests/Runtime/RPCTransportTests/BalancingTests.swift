import Addresses
import NIOCore
import RPC
import RPCTransport
import TLS
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct BalancingTests {
  /// Calls until every one of `names` has answered; then all of them have a connection.
  private func meet(_ names: Set<String>, _ client: RPCClient) async throws {
    var missing = names
    while !missing.isEmpty { missing.remove(try await client.call("Name")) }
  }

  /// A port on which nobody listens any more.
  private func deadPort() async throws -> Int {
    let server = try await ScriptedServer("a", [.answer])
    let port = server.port
    await server.stop()
    return port
  }

  private func servers(_ names: [String]) async throws -> [ScriptedServer] {
    var servers: [ScriptedServer] = []
    for name in names { servers.append(try await ScriptedServer(name, [.answer])) }
    return servers
  }

  private func stop(_ servers: [ScriptedServer], _ client: RPCClient) async {
    await client.close()
    for server in servers { await server.stop() }
  }

  @Test func addressesTakeTurns() async throws {
    let servers = try await servers(["a", "b", "c"])
    let client = ScriptedResolver(.ports(servers.map(\.port))).client()
    try await meet(["a", "b", "c"], client)
    var counts: [String: Int] = [:]
    for _ in 0..<30 { counts[try await client.call("Name"), default: 0] += 1 }
    #expect(counts == ["a": 10, "b": 10, "c": 10])
    #expect(servers.map(\.record.connectionCount) == [1, 1, 1])
    await stop(servers, client)
  }

  @Test func anAddressThatIsNamedTwiceCountsOnce() async throws {
    let servers = try await servers(["a", "b"])
    let client = ScriptedResolver(
      .ports([servers[0].port, servers[0].port, servers[1].port, servers[0].port])
    ).client()
    try await meet(["a", "b"], client)
    var counts: [String: Int] = [:]
    for _ in 0..<20 { counts[try await client.call("Name"), default: 0] += 1 }
    #expect(counts == ["a": 10, "b": 10])
    #expect(servers.map(\.record.connectionCount) == [1, 1])
    await stop(servers, client)
  }

  @Test func noMoreAddressesAreUsedThanAllowed() async throws {
    let servers = try await servers(["a", "b", "c", "d", "e"])
    let client = ScriptedResolver(.ports(servers.map(\.port))).client {
      $0.addressCountMax = 2
    }
    var names: Set<String> = []
    while names.count < 2 { names.insert(try await client.call("Name")) }
    for _ in 0..<20 { names.insert(try await client.call("Name")) }
    #expect(names.count == 2)
    #expect(servers.map(\.record.connectionCount).reduce(0, +) == 2)
    await stop(servers, client)
  }

  @Test func eachEventLoopHasItsOwnConnectionPerAddress() async throws {
    let servers = try await servers(["a", "b"])
    let client = ScriptedResolver(.ports(servers.map(\.port))).client {
      $0.connectionCountMax = 16
    }
    for _ in 0..<200 { _ = try await client.call("Name") }
    // The group has two loops.
    #expect(servers.allSatisfy { (1...2).contains($0.record.connectionCount) })
    await stop(servers, client)
  }

  @Test func aNewAddressIsUsedAndACallOnTheOldOneEnds() async throws {
    let started = Signal()
    let release = Signal()
    let old = try await TestServer(
      TestService(handlers: [
        "Name": { _, _ in ByteBuffer(string: "old") },
        "Slow": { _, _ in
          await started.raise()
          await release.wait()
          return ByteBuffer(string: "old")
        },
      ]))
    let new = try await ScriptedServer("new", [.answer])
    let dead = try await deadPort()
    // The dead address has the client look up the name again.
    let resolver = ScriptedResolver(.ports([old.port, dead]))
    let client = resolver.client()
    async let slow = client.call("Slow")
    await started.wait()
    #expect(try await client.call("Name") == "old")
    resolver.set(.ports([new.port]))
    while try await client.call("Name") != "new" {}
    for _ in 0..<10 { #expect(try await client.call("Name") == "new") }
    await release.raise()
    #expect(try await slow == "old")
    await stop([new], client)
    await old.stop()
  }

  @Test func theConnectionToAnAddressThatIsGoneIsClosed() async throws {
    let old = try await ScriptedServer("old", [.answer])
    let new = try await ScriptedServer("new", [.answer])
    let resolver = ScriptedResolver(.ports([old.port, try await deadPort()]), .ports([new.port]))
    let client = resolver.client()
    while try await client.call("Name") != "new" {}
    #expect(old.record.connectionCount <= 1)
    while old.record.openConnectionCount > 0 { await Task.yield() }
    #expect(try await client.call("Name") == "new")
    await stop([old, new], client)
  }

  @Test func aFailedLookUpKeepsTheOldAddresses() async throws {
    let server = try await ScriptedServer("a", [.answer])
    let resolver = ScriptedResolver(
      .ports([server.port, try await deadPort()]), .failure)
    let client = resolver.client()
    while resolver.queryCount < 3 { #expect(try await client.call("Name") == "a") }
    for _ in 0..<10 { #expect(try await client.call("Name") == "a") }
    #expect(server.record.connectionCount == 1)
    await stop([server], client)
  }

  @Test func lookUpsKeepTheirDistance() async throws {
    let server = try await ScriptedServer("a", [.answer])
    let resolver = ScriptedResolver(.ports([server.port, try await deadPort()]))
    let client = resolver.client { $0.resolutionIntervalMin = .seconds(3_600) }
    for _ in 0..<100 { _ = try await client.call("Name") }
    #expect(resolver.queryCount == 1)
    await stop([server], client)
  }

  @Test func aNameWithoutAddressesFailsFastAndSaysWhy() async throws {
    let resolver = ScriptedResolver(.failure)
    let client = resolver.client {
      ($0.backoffMin, $0.backoffMax) = (.seconds(3_600), .seconds(3_600))
    }
    for _ in 0..<3 {
      let error = await failure { () async throws(RPCError) in try await client.call("Name") }
      #expect(error?.code == .unavailable)
      #expect(error?.detail?.contains("the name is not known") == true)
    }
    // Between two look-ups there is the back-off.
    #expect(resolver.queryCount == 1)
    await client.close()
  }

  @Test func aWaitingCallIsMadeOnceTheNameHasAddresses() async throws {
    let server = try await ScriptedServer("a", [.answer])
    let resolver = ScriptedResolver(.failure, .failure, .ports([]), .ports([server.port]))
    let client = resolver.client()
    let options = CallOptions(timeout: .seconds(20), waitForReady: true)
    #expect(try await client.call("Name", options: options) == "a")
    #expect(resolver.queryCount == 4)
    await stop([server], client)
  }

  @Test func namesAreLookedUpTogether() async throws {
    let servers = try await servers(["a", "b"])
    let resolver = ScriptedResolver(
      .ports([servers[0].port]), .ports([servers[1].port]), togetherCount: 2)
    let client = resolver.client(
      of: [NetworkAddress(host: "a.test", port: 1), NetworkAddress(host: "b.test", port: 1)]
    ) { $0.resolutionTimeout = .seconds(3_600) }
    try await meet(["a", "b"], client)
    await stop(servers, client)
  }

  @Test func aNameOfWhichNobodySaysAnythingKeepsNobodyFromTheOthers() async throws {
    let server = try await ScriptedServer("a", [.answer])
    let resolver = ScriptedResolver(.ports([server.port]))
    let silent = NetworkAddress(host: ScriptedResolver.silentHost, port: 1)
    let client = resolver.client(of: [silent, NetworkAddress(host: "a.test", port: 1)]) {
      $0.resolutionTimeout = .milliseconds(50)
    }
    #expect(try await client.call("Name") == "a")
    await stop([server], client)
  }

  @Test func aLookUpWithoutAnAnswerEndsWithItsReason() async throws {
    let client = ScriptedResolver(.failure).client(
      of: [NetworkAddress(host: ScriptedResolver.silentHost, port: 1)]
    ) { $0.resolutionTimeout = .milliseconds(50) }
    let error = await failure { () async throws(RPCError) in try await client.call("Name") }
    #expect(error?.code == .unavailable)
    #expect(error?.detail?.contains("no answer within") == true)
    await client.close()
  }

  @Test func severalTargetsAreOneService() async throws {
    let servers = try await servers(["a", "b", "c"])
    let resolver = ScriptedResolver(.ports([servers[2].port]))
    let addresses = servers.prefix(2).map { NetworkAddress(host: "127.0.0.1", port: $0.port) }
    let client = resolver.client(of: addresses + [NetworkAddress(host: "c.test", port: 1)])
    try await meet(["a", "b", "c"], client)
    await stop(servers, client)
  }

  @Test func targetsThatAreAddressesServeWhileANameIsUnknown() async throws {
    let server = try await ScriptedServer("a", [.answer])
    let client = ScriptedResolver(.failure).client(of: [
      NetworkAddress(host: "gone.test", port: 1),
      NetworkAddress(host: "127.0.0.1", port: server.port),
    ])
    while (try? await client.call("Name")) != "a" {}
    await stop([server], client)
  }

  @Test func anAddressIsNotLookedUp() async throws {
    let server = try await ScriptedServer("a", [.answer])
    let resolver = ScriptedResolver(.failure)
    let client = resolver.client(of: [NetworkAddress(host: "127.0.0.1", port: server.port)])
    #expect(try await client.call("Name") == "a")
    #expect(resolver.queryCount == 0)
    await stop([server], client)
  }

  @Test(arguments: [("localhost", true), ("elsewhere.test", false)])
  func theCertificateMustNameTheHostWhateverItsAddress(
    _ host: String, _ isAccepted: Bool
  ) async throws {
    let certificates = try TestCertificates()
    let server = try await TestServer(tls: certificates.paths("vault"))
    let resolver = ScriptedResolver(.ports([server.port]))
    let tls = TLSConfiguration(try certificates.paths("gateway"))
    let client = resolver.client(of: [NetworkAddress(host: host, port: server.port)]) {
      $0.tls = tls
    }
    let error = await failure { () async throws(RPCError) in try await client.call("Echo") }
    #expect((error == nil) == isAccepted)
    #expect(isAccepted || error?.detail?.contains("hostname mismatch") == true)
    await client.close()
    await server.stop()
  }
}
