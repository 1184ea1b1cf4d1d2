/// How the waits between attempts grow: from `min`, by `multiplier` each time, never above `max`.
///
/// Every wait is drawn at random around its value, so that many who failed together don't come back
/// together (gRPC, "connection-backoff"; gRFC A6).
package struct Backoff: Sendable, Hashable {
  /// Far beyond what any `max` allows; keeps the power finite.
  private static let growthsMax = 64

  package var min: Duration
  package var max: Duration
  package var multiplier: Double
  /// The share of its value by which a wait may be shorter or longer.
  package var jitter: Double

  package init(min: Duration, max: Duration, multiplier: Double = 1.6, jitter: Double = 0.2) {
    self.min = min
    self.max = max
    self.multiplier = multiplier
    self.jitter = jitter
  }

  /// The wait after `failureCount` failures in a row; 1 is the first.
  package func wait(afterFailures failureCount: Int) -> Duration {
    let growths = Swift.min(Swift.max(0, failureCount - 1), Self.growthsMax)
    let grown = (0..<growths).reduce(Double(min.nanosecondsClamped)) { wait, _ in
      wait * Swift.max(1, multiplier)
    }
    let bounded = Swift.min(grown, Double(max.nanosecondsClamped))
    let share = Swift.min(Swift.max(0, jitter), 1)
    let drawn = bounded * Double.random(in: (1 - share)...(1 + share))
    return .nanoseconds(Int64(exactly: drawn.rounded(.down)) ?? max.nanosecondsClamped)
  }
}
