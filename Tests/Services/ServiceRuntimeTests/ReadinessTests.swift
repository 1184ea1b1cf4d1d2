import Logging
import RPC
import RPCInProcess
import RPCServices
import Synchronization
import Testing

@testable import ServiceRuntime

@Suite struct ReadinessTests {
  private struct Trouble: Error, CustomStringConvertible {
    let description = "nobody answers"
  }

  private let readiness = Readiness(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  private let health = HealthService(["": .serving])

  private func status(_ service: String) async throws -> HealthService.Status {
    try await HealthAPI.HealthClient(channel: InProcessChannel(services: [health]))
      .check(HealthAPI.HealthCheckRequest(service: service)).status
  }

  @Test func nothingIsReadyBeforeItWasLookedAt() async throws {
    readiness.require("database") {}
    readiness.tell(health, as: [Readiness.serviceName])
    #expect(!readiness.isReady)
    #expect(readiness.findings.map(\.problem) == ["it was not looked at yet"])
    #expect(try await status(Readiness.serviceName) == .notServing)
    await readiness.look()
    #expect(readiness.isReady)
    #expect(try await status(Readiness.serviceName) == .serving)
  }

  @Test func whatIsBrokenIsToldAndSoIsItsReturn() async throws {
    let state = Flag()
    readiness.require("database") { if state.isSet { throw Trouble() } }
    readiness.require("outbox") {}
    readiness.tell(health, as: ["a", "b"])
    await readiness.look()
    state.set(true)
    await readiness.look()
    #expect(readiness.findings.map(\.problem) == ["nobody answers", nil])
    #expect(try await status("a") == .notServing)
    #expect(try await status("b") == .notServing)
    // The process lives all the same.
    #expect(try await status("") == .serving)
    state.set(false)
    await readiness.look()
    #expect(try await status("a") == .serving)
  }

  @Test func aRemarkIsShownAndTakesNoWorkAway() async throws {
    let state = Flag()
    readiness.require("database") {}
    readiness.remark("storage") { state.isSet ? "full" : nil }
    await readiness.look()
    state.set(true)
    #expect(readiness.findings.map(\.problem) == [nil, "full"])
    #expect(readiness.checked.map(\.name) == ["database"])
    #expect(readiness.isReady)
  }

  @Test func aServiceThatIsAboutToStopIsNotReady() async throws {
    readiness.tell(health, as: [Readiness.serviceName])
    await readiness.look()
    readiness.beginGracefulShutdown()
    await readiness.look()
    #expect(!readiness.isReady)
    #expect(try await status(Readiness.serviceName) == .notServing)
  }
}

/// A switch that checks look at.
private final class Flag: Sendable {
  private let value = Mutex(false)

  var isSet: Bool { value.withLock { $0 } }

  func set(_ new: Bool) { value.withLock { $0 = new } }
}
