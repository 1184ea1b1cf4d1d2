import Foundation
import LocalDeployment
import Networking
import RPCTransport
import TestSupport
import Testing
import Threads

/// Strangers who connect and say nothing, until the server has no descriptors left.
@Suite struct DescriptorTests {
  private static let strangers = 200
  /// Of a server that waits; one that asks accept(2) again and again takes all of a core.
  private static let idleShareMax = 0.2

  struct Outcome: Sendable {
    let cpuShare: Double
    let isServedMeanwhile: Bool
  }

  /// With 64 the server stops in time, with 20 the kernel stops it.
  @Test(arguments: [64, 20]) func idleStrangersCostNoTimeAndLeaveRoomBehindThem(
    _ descriptors: Int
  ) async throws {
    DescriptorLimit.raise()
    let (log, logged) = AsyncStream.makeStream(of: [UInt8].self)
    let process = try await ChildProcess.spawn(
      Command(
        path: "/bin/sh",
        arguments: [
          "-c", "ulimit -n \(descriptors); exec \"$0\" --port 0 --log_level warning",
          try RunningStack.builtProduct("interop-server"),
        ], environment: ProcessInfo.processInfo.environment)
    ) { bytes in
      if let bytes { logged.yield(bytes) } else { logged.finish() }
    }
    defer { process.signal(SIGKILL) }
    var printed = ""
    var port: Int?
    for await piece in log {
      printed += String(decoding: piece, as: UTF8.self)
      port = printed.firstMatch(of: /listening on 127.0.0.1:(\d+)\n/).flatMap { Int($0.1) }
      if port != nil { break }
    }
    let listening = try #require(port)
    let honest = HonestClient(port: listening, tls: nil)
    let id = process.id
    let outcome = try await OwnThread.run {
      let strangers = try (0..<Self.strangers).map { _ in
        try AttackConnection(port: listening, isSilent: true)
      }
      let before = try Self.cpuSeconds(id)
      let began = ContinuousClock.now
      let late = try AttackConnection(port: listening)
      let isServed = late.wait(for: .seconds(2)) { $0.settingsAnswers == 1 }
      let share = (try Self.cpuSeconds(id) - before) / ((ContinuousClock.now - began) / .seconds(1))
      withExtendedLifetime(strangers) {}
      return Outcome(cpuShare: share, isServedMeanwhile: isServed)
    }
    #expect(outcome.cpuShare < Self.idleShareMax, "\(outcome)")
    #expect(!outcome.isServedMeanwhile)
    // They have hung up: the next one is served.
    let returned = ContinuousClock.now
    try await honest.call()
    #expect(ContinuousClock.now - returned < .seconds(5))
    await honest.close()
    process.signal(SIGKILL)
    for await piece in log { printed += String(decoding: piece, as: UTF8.self) }
    let lines = printed.split(separator: "\n").filter { $0.contains("no more connections") }
    #expect(lines.count == 1, "\(printed)")
  }

  /// User and system time, from proc(5).
  private static func cpuSeconds(_ id: Int32) throws -> Double {
    let status = try String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)
    let fields = status.split(separator: ")").last?.split(separator: " ") ?? []
    let ticks = fields.dropFirst(11).prefix(2).compactMap { Double($0) }.reduce(0, +)
    return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
