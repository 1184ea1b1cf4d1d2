package import NIOCore

/// How often something may happen: `burst` times at once, and `rate` times a second for long.
package struct RateLimit: Sendable, Hashable {
  private static let nanosecondsPerSecond = 1_000_000_000
  /// A year: sums of the clock must not overflow.
  private static let nanosecondsMax = 365 * 86_400 * nanosecondsPerSecond

  /// What one token takes to come back.
  let interval: TimeAmount
  /// What all of them take.
  let refillTime: TimeAmount

  /// Both are at least one event; a second holds at most a thousand million, and a burst what comes
  /// back in a year.
  package init(rate: Int, burst: Int) {
    let nanoseconds =
      Self.nanosecondsPerSecond / min(max(1, rate), Self.nanosecondsPerSecond)
    interval = .nanoseconds(Int64(nanoseconds))
    refillTime = interval * min(max(1, burst), Self.nanosecondsMax / nanoseconds)
  }
}

/// Tokens that are taken one by one and come back with time, in the form of the moment at which all
/// of them will be back (the generic cell rate algorithm): there is nothing to count or to refill.
package struct TokenBucket: Sendable {
  private var fullAt: NIODeadline

  /// A full one.
  package init(now: NIODeadline) {
    fullAt = now
  }

  package func isFull(now: NIODeadline) -> Bool { fullAt <= now }

  /// Takes a token; when there is none, says after how long there will be one.
  package mutating func take(now: NIODeadline, _ limit: RateLimit) -> Duration? {
    let next = max(fullAt, now) + limit.interval
    let wait = (next - now) - limit.refillTime
    guard wait <= .zero else { return .nanoseconds(wait.nanoseconds) }
    fullAt = next
    return nil
  }
}
