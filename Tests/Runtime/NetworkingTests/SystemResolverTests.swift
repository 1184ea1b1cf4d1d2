import Dispatch
import NIOCore
import Networking
import Synchronization
import Testing

@Suite struct SystemResolverTests {
  /// Answers only when told to: a name server that is silent for as long as a test needs.
  private final class SilentServer: Sendable {
    private let mayAnswer = DispatchSemaphore(value: 0)
    private let asked = Mutex<[String]>([])

    var names: [String] { asked.withLock { $0 } }

    func lookUp(_ host: String) throws -> [SocketAddress] {
      asked.withLock { $0.append(host) }
      mayAnswer.wait()
      return [try SocketAddress(ipAddress: "192.0.2.1", port: 0)]
    }

    func answer(_ count: Int = 1) {
      for _ in 0..<count { mayAnswer.signal() }
    }

    func isAsked(_ count: Int) async throws {
      while names.count < count { try await Task.sleep(for: .milliseconds(1)) }
    }
  }

  private static func limits(
    timeout: Duration = .seconds(60), lookupsMax: Int = 64, lookupsPerDomainMax: Int = 64
  ) -> SystemResolver.Limits {
    var limits = SystemResolver.Limits()
    limits.timeout = timeout
    limits.lookupsMax = lookupsMax
    limits.lookupsPerDomainMax = lookupsPerDomainMax
    return limits
  }

  private static func kind(
    _ body: () async throws -> [SocketAddress]
  ) async
    -> ResolutionError.Kind?
  {
    do {
      _ = try await body()
      return nil
    } catch {
      return (error as? ResolutionError)?.kind
    }
  }

  @Test func theMachinesOwnNameIsFound() async throws {
    let found = try await SystemResolver.shared.addresses(of: "localhost", port: 4711)
    #expect(found.contains { ["127.0.0.1", "::1"].contains($0.ipAddress) })
    #expect(found.allSatisfy { $0.port == 4711 })
    #expect(Set(found).count == found.count)
  }

  @Test func aNameThatCannotExistIsNotFound() async {
    let kind = await Self.kind { try await SystemResolver.shared.addresses(of: "a..b", port: 1) }
    #expect(kind == .notFound)
  }

  @Test func allWhoAskForANameShareOneLookUp() async throws {
    let server = SilentServer()
    let resolver = SystemResolver(Self.limits(), lookUp: server.lookUp)
    let callers = (1...20).map { port in
      Task.immediate { try await resolver.addresses(of: "one.test", port: port) }
    }
    try await server.isAsked(1)
    server.answer()
    for (index, caller) in callers.enumerated() {
      #expect(try await caller.value.first?.port == index + 1)
    }
    #expect(server.names == ["one.test"])
  }

  @Test func aCallerWaitsNoLongerThanTheDeadlineAndTheNextJoinsTheLookUp() async throws {
    let server = SilentServer()
    let resolver = SystemResolver(Self.limits(timeout: .milliseconds(20)), lookUp: server.lookUp)
    for _ in 1...3 {
      let kind = await Self.kind { try await resolver.addresses(of: "silent.test", port: 1) }
      #expect(kind == .timedOut)
    }
    #expect(server.names.count == 1)
    server.answer()
  }

  @Test func silentServersOfOneDomainDoNotKeepOthersFromBeingFound() async throws {
    let server = SilentServer()
    let resolver = SystemResolver(
      Self.limits(timeout: .milliseconds(20), lookupsPerDomainMax: 3), lookUp: server.lookUp)
    for number in 1...3 {
      _ = await Self.kind { try await resolver.addresses(of: "n\(number).evil.test", port: 1) }
    }
    for host in ["n4.evil.test", "deeper.n1.evil.test", "evil.test", "n5.evil.test."] {
      #expect(await Self.kind { try await resolver.addresses(of: host, port: 1) } == .busy)
    }
    let honest = Task.immediate { try await resolver.addresses(of: "api.good.test", port: 443) }
    try await server.isAsked(4)
    server.answer(4)
    #expect(await Self.kind { try await honest.value } != .busy)
  }

  @Test func lookUpsAreBoundedAndTheirPlacesComeFreeAgain() async throws {
    let server = SilentServer()
    let resolver = SystemResolver(Self.limits(lookupsMax: 2), lookUp: server.lookUp)
    let waiting = ["a.test", "b.test"].map { host in
      Task.immediate { try await resolver.addresses(of: host, port: 1) }
    }
    try await server.isAsked(2)
    #expect(await Self.kind { try await resolver.addresses(of: "c.test", port: 1) } == .busy)
    server.answer(2)
    for task in waiting { _ = try await task.value }
    server.answer()
    #expect(try await resolver.addresses(of: "c.test", port: 1).count == 1)
  }

  @Test func aCancelledCallerLeavesAtOnce() async throws {
    let server = SilentServer()
    let resolver = SystemResolver(Self.limits(), lookUp: server.lookUp)
    let other = Task.immediate { try await resolver.addresses(of: "one.test", port: 1) }
    let caller = Task.immediate { try await resolver.addresses(of: "one.test", port: 1) }
    caller.cancel()
    await #expect(throws: CancellationError.self) { try await caller.value }
    try await server.isAsked(1)
    server.answer()
    #expect(try await other.value.count == 1)
  }

  @Test func anAnswerIsRememberedForAsLongAsTheLimitsSay() async throws {
    var limits = Self.limits()
    limits.memoryDuration = .seconds(60)
    limits.rememberedHostsMax = 2
    let server = SilentServer()
    let resolver = SystemResolver(limits, lookUp: server.lookUp)
    server.answer(10)
    for host in ["a.test", "a.test", "b.test", "a.test", "c.test", "a.test"] {
      _ = try await resolver.addresses(of: host, port: 1)
    }
    // The third name had no place: all were forgotten.
    #expect(server.names == ["a.test", "b.test", "c.test", "a.test"])
  }
}
