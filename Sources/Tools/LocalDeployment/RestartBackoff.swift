/// How long to wait before a crashed service is started again: doubling, with jitter, and from the
/// beginning once it has run for a while.
package struct RestartBackoff: Sendable {
  package static let delayMin: Duration = .milliseconds(200)
  package static let delayMax: Duration = .seconds(30)
  /// A service that ran this long has recovered.
  package static let healthyAfter: Duration = .seconds(60)

  private var delay = RestartBackoff.delayMin

  package init() {}

  /// - Parameter jitter: 0..<1, so that services that died together don't return together.
  package mutating func next(afterRunning time: Duration, jitter: Double) -> Duration {
    if time >= Self.healthyAfter { delay = Self.delayMin }
    defer { delay = min(delay * 2, Self.delayMax) }
    return delay * (0.5 + jitter / 2)
  }
}
