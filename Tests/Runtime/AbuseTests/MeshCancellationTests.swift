import Foundation
import TestSupport
import Testing

/// What looks like a rapid reset may be a busy neighbour: deadlines and cancellations send
/// RST_STREAM too.
@Suite struct MeshCancellationTests {
  private static let cancellationsPerSecond = 2000
  private static let seconds = 10
  /// Calls are begun, and those begun a tick ago cancelled, so many times a second.
  private static let ticksPerSecond = 100

  struct Outcome: CustomStringConvertible, Sendable {
    let cancelled: Int
    let duration: Duration
    let goAway: Heard.GoAway?
    let isCut: Bool
    let lastStatus: Int?

    var description: String {
      "\(cancelled) cancelled in \(duration), cut: \(isCut), GOAWAY: \(String(describing: goAway))"
    }
  }

  @Test func aPeerWithACertificateMayCancelTwoThousandCallsASecond() async throws {
    let certificates = try TestCertificates()
    let paths = try certificates.paths("gateway")
    let outcome = try await AttackedServer.withstands("mesh peer cancels", tls: paths) { server in
      Self.cancel(on: try server.connect())
    }
    // A busy machine may skip a tick.
    #expect(outcome.cancelled >= Self.cancellationsPerSecond * Self.seconds * 9 / 10)
    #expect(outcome.goAway == nil)
    #expect(!outcome.isCut)
    #expect(outcome.lastStatus == 0)
    withExtendedLifetime(certificates) {}
  }

  private static func cancel(on connection: AttackConnection) -> Outcome {
    let start = ContinuousClock.now
    let perTick = cancellationsPerSecond / ticksPerSecond
    // Its handler starts at once and waits for messages.
    let head = HeaderBytes.call("FullDuplexCall")
    for tick in 0..<seconds * ticksPerSecond {
      let streams = (tick * perTick..<(tick + 1) * perTick).map(Flood.stream)
      connection.send(streams.flatMap { Frame.headers($0, head) })
      // A tick's pause is part of the load, not a wait for something.
      let next = start.advanced(by: .milliseconds(1000 * (tick + 1) / ticksPerSecond))
      connection.wait(for: max(.zero, ContinuousClock.now.duration(to: next)))
      connection.send(streams.flatMap { Frame.reset($0) })
    }
    let duration = ContinuousClock.now - start
    let last = Flood.stream(seconds * cancellationsPerSecond)
    connection.send(
      Frame.headers(last, HeaderBytes.call()) + Frame.data(last, envelope([]), ends: true))
    connection.wait(for: .seconds(5)) { $0.isOver(last) }
    let heard = connection.heard
    return Outcome(
      cancelled: seconds * cancellationsPerSecond - heard.resets.count, duration: duration,
      goAway: heard.goAway, isCut: connection.isCut, lastStatus: heard.grpcStatus(last))
  }
}
