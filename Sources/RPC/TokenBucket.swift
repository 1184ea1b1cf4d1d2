/// How often something may happen: `burst` times at once, and `rate` times a second for long.
package struct RateLimit: Sendable, Hashable {
  /// What one token takes to come back.
  let interval: Duration
  /// What all of them take.
  let refillTime: Duration

  /// Both are at least one event; a second holds at most a thousand million.
  package init(rate: Int, burst: Int) {
    interval = .seconds(1) / min(max(1, rate), 1_000_000_000)
    refillTime = interval * max(1, burst)
  }
}

/// Tokens that are taken one by one and come back with time, in the form of the moment at which all
/// of them will be back (the generic cell rate algorithm): there is nothing to count or to refill.
package struct TokenBucket: Sendable {
  private var fullAt: ContinuousClock.Instant

  /// A full one.
  package init(now: ContinuousClock.Instant) {
    fullAt = now
  }

  package func isFull(now: ContinuousClock.Instant) -> Bool { fullAt <= now }

  /// Takes a token; when there is none, says after how long there will be one.
  package mutating func take(now: ContinuousClock.Instant, _ limit: RateLimit) -> Duration? {
    let next = max(fullAt, now).advanced(by: limit.interval)
    let wait = now.duration(to: next) - limit.refillTime
    guard wait <= .zero else { return wait }
    fullAt = next
    return nil
  }
}
