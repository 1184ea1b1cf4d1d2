package import Pacing

/// How long to wait before a crashed service is started again: from the beginning once it has run
/// for a while.
package struct RestartBackoff: Sendable {
  package static let waits = Backoff.doubling(from: .milliseconds(200), to: .seconds(30))
  /// A service that ran this long has recovered.
  package static let healthyAfter: Duration = .seconds(60)

  private var failureCount = 0

  package init() {}

  package mutating func next(afterRunning time: Duration) -> Duration {
    if time >= Self.healthyAfter { failureCount = 0 }
    failureCount += 1
    return Self.waits.wait(afterFailures: failureCount)
  }
}
