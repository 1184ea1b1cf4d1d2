import NIOCore
import RPC
import RPCInProcess
import RPCServices
import Testing

@Suite struct HealthServiceTests {
  private typealias Request = HealthAPI.HealthCheckRequest
  private typealias Status = HealthService.Status

  private static func client(_ service: HealthService) -> HealthAPI.HealthClient {
    HealthAPI.HealthClient(channel: InProcessChannel(services: [service]))
  }

  private static func check(_ service: HealthService, _ name: String) async throws -> Status {
    try await client(service).check(Request(service: name)).status
  }

  @Test func checkTellsTheStatusOfTheServerAndOfItsServices() async throws {
    let health = HealthService(["": .serving, "a.Service": .notServing])
    #expect(try await Self.check(health, "") == .serving)
    #expect(try await Self.check(health, "a.Service") == .notServing)
    health.setStatus(.serving, for: "a.Service")
    #expect(try await Self.check(health, "a.Service") == .serving)
  }

  @Test func checkOfAnUnknownServiceIsNotFound() async throws {
    let failure = await #expect(throws: RPCError.self) {
      try await Self.check(HealthService(), "no.Such")
    }
    #expect(failure?.code == .notFound)
  }

  @Test func nothingServesWhileDraining() async throws {
    let health = HealthService(["": .serving, "a.Service": .serving])
    health.beginGracefulShutdown()
    health.setStatus(.serving, for: "a.Service")
    #expect(try await Self.check(health, "") == .notServing)
    #expect(try await Self.check(health, "a.Service") == .notServing)
  }

  @Test func watchTellsEveryChangeOnce() async throws {
    let health = HealthService()
    try await Self.client(health).watch(Request(service: "")) { (responses) async throws in
      #expect(try await responses.next()?.status == .serving)
      health.setStatus(.serving, for: "")
      health.setStatus(.notServing, for: "another.Service")
      health.setStatus(.notServing, for: "")
      #expect(try await responses.next()?.status == .notServing)
      health.setStatus(.serving, for: "")
      #expect(try await responses.next()?.status == .serving)
    }
  }

  @Test func watchOfAnUnknownServiceWaitsForIt() async throws {
    let health = HealthService()
    try await Self.client(health).watch(Request(service: "late.Service")) {
      (responses) async throws in
      #expect(try await responses.next()?.status == .serviceUnknown)
      health.setStatus(.serving, for: "late.Service")
      #expect(try await responses.next()?.status == .serving)
    }
  }

  @Test func watchersLearnOfTheDrainAndDoNotHoldItUp() async throws {
    let health = HealthService()
    let failure = await #expect(throws: RPCError.self) {
      try await Self.client(health).watch(Request(service: "")) { (responses) async throws in
        #expect(try await responses.next()?.status == .serving)
        health.beginGracefulShutdown()
        #expect(try await responses.next()?.status == .notServing)
        _ = try await responses.next()
      }
    }
    #expect(failure?.code == .unavailable)
  }

  @Test func aSlowWatcherGetsOnlyTheNewestStatus() async throws {
    let health = HealthService()
    let sink = HealthSink(isHeld: true)
    let watch = Task { try await sink.watch("", of: health) }
    var written = sink.written.makeAsyncIterator()
    #expect(await written.next() == .serving)
    for _ in 0..<100 {
      health.setStatus(.notServing, for: "")
      health.setStatus(.unknown, for: "")
    }
    sink.release()
    #expect(await written.next() == .unknown)
    health.beginGracefulShutdown()
    #expect(await written.next() == .notServing)
    await #expect(throws: RPCError.self) { try await watch.value }
  }

  @Test func watchersAreBoundedAndForgottenWhenTheyLeave() async throws {
    let health = HealthService()
    let sink = HealthSink()
    await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<HealthService.watchersMax {
        group.addTask { try await sink.watch("", of: health) }
      }
      var written = sink.written.makeAsyncIterator()
      for _ in 0..<HealthService.watchersMax { #expect(await written.next() == .serving) }
      let failure = await #expect(throws: RPCError.self) { try await sink.watch("", of: health) }
      #expect(failure?.code == .resourceExhausted)
      group.cancelAll()
      while let result = await group.nextResult() {
        #expect(throws: CancellationError.self) { try result.get() }
      }
    }
    #expect(health.watcherCount == 0)
  }

  @Test func aNameThatNoServiceCanHaveIsNotKept() async throws {
    let name = String(repeating: "x", count: HealthService.serviceNameBytesMax + 1)
    let health = HealthService()
    let failure = await #expect(throws: RPCError.self) {
      try await Self.client(health).watch(Request(service: name)) { _ = try await $0.next() }
    }
    #expect(failure?.code == .invalidArgument)
  }
}
