import NIOCore
import Pacing

/// When a connection may be tried again after failures.
struct PostgresBackoff {
  private static let waits = Backoff.doubling(from: .milliseconds(50), to: .seconds(5))

  private(set) var failures = 0
  private(set) var retryAt = NIODeadline.uptimeNanoseconds(0)

  mutating func failed(at now: NIODeadline) {
    failures += 1
    retryAt = now + TimeAmount(Self.waits.wait(afterFailures: failures))
  }

  mutating func succeeded() { self = PostgresBackoff() }
}
