/// How the waits between attempts grow: from `min`, by `multiplier` each time, never above `max`.
///
/// Every wait is drawn at random from `spread` times its value, so that many who failed together
/// don't come back together (gRPC, "connection-backoff"; gRFC A6).
package struct Backoff: Sendable, Hashable {
  /// Far beyond what any `max` allows; keeps the power finite.
  private static let growthsMax = 64

  package var min: Duration
  package var max: Duration
  package var multiplier: Double
  /// Shares of its value between which a wait is drawn.
  package var spread: ClosedRange<Double>

  /// As gRPC asks: each wait may be shorter or longer than its value by the share `jitter`.
  package init(min: Duration, max: Duration, multiplier: Double = 1.6, jitter: Double = 0.2) {
    self.min = min
    self.max = max
    self.multiplier = multiplier
    let share = Swift.min(Swift.max(0, jitter), 1)
    spread = (1 - share)...(1 + share)
  }

  /// Doubled each time and drawn between half and whole, so that `max` is never exceeded.
  package static func doubling(from min: Duration, to max: Duration) -> Backoff {
    var backoff = Backoff(min: min, max: max, multiplier: 2)
    backoff.spread = 0.5...1
    return backoff
  }

  /// The wait after `failureCount` failures in a row; 1 is the first.
  package func wait(afterFailures failureCount: Int) -> Duration {
    wait(afterFailures: failureCount, drawing: .random(in: spread))
  }

  /// The wait with `share` as the drawn share of its value.
  package func wait(afterFailures failureCount: Int, drawing share: Double) -> Duration {
    let growths = Swift.min(Swift.max(1, failureCount) - 1, Self.growthsMax)
    let grown = (0..<growths).reduce(Double(min.nanosecondsClamped)) { wait, _ in
      wait * Swift.max(1, multiplier)
    }
    let bounded = Swift.min(grown, Double(max.nanosecondsClamped)) * share
    return .nanoseconds(Int64(exactly: bounded.rounded(.down)) ?? max.nanosecondsClamped)
  }
}

extension Duration {
  /// Whole nanoseconds, from zero to `Int64.max`.
  package var nanosecondsClamped: Int64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return .max }
    let (sum, sumOverflow) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    return sumOverflow ? .max : sum
  }
}
