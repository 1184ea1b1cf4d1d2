/// How often something may happen: `burst` times at once, and once an `interval` for long.
package struct RateLimit: Sendable, Hashable {
  private static let nanosecondsPerSecond: Int64 = 1_000_000_000
  /// A year: sums of the clock must not overflow.
  private static let nanosecondsMax = 365 * 86_400 * nanosecondsPerSecond

  /// Nanoseconds that one token takes to come back; at least one.
  let interval: Int64
  package let burst: Int

  /// One token comes back each `interval`. A bucket holds at least one, and at most what comes back
  /// in a year.
  package init(burst: Int, interval: Duration) {
    self.interval = min(max(1, interval.nanosecondsClamped), Self.nanosecondsMax)
    self.burst = min(max(1, burst), Int(Self.nanosecondsMax / self.interval))
  }

  /// `rate` is tokens a second, from one to a thousand million.
  package init(rate: Int, burst: Int) {
    let rate = min(max(1, Int64(rate)), Self.nanosecondsPerSecond)
    self.init(burst: burst, interval: .nanoseconds(Self.nanosecondsPerSecond / rate))
  }

  /// What all tokens take to come back.
  package var refillTime: Duration { .nanoseconds(refillNanoseconds) }
  fileprivate var refillNanoseconds: Int64 { interval * Int64(burst) }
}

/// Tokens that are taken and come back with time, in the form of the moment at which all of them
/// will be back (the generic cell rate algorithm): there is nothing to count or to refill.
///
/// Moments are nanoseconds of whatever clock the owner reads, as long as it is always the same one
/// and doesn't go back.
package struct TokenBucket: Sendable {
  private var fullAt: Int64

  /// A full one.
  package init(now: Int64) {
    fullAt = now
  }

  package func isFull(now: Int64) -> Bool { fullAt <= now }

  /// Takes `count` tokens; when there are too few, takes none and says after how long there will be
  /// enough, as far as a bucket ever holds so many.
  package mutating func take(_ count: Int = 1, now: Int64, _ limit: RateLimit) -> Duration? {
    let count = Int64(min(max(0, count), limit.burst + 1))
    let next = max(fullAt, now) + limit.interval * count
    let wait = next - now - limit.refillNanoseconds
    guard wait <= 0 else { return .nanoseconds(wait) }
    fullAt = next
    return nil
  }
}
