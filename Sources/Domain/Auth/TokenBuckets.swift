import Synchronization

/// Counts attempts by key, each key with a bucket that refills steadily.
///
/// Bounded: of `keysMax` keys the least recently used are forgotten, in two generations. To be
/// forgotten is to have a full bucket again, so keys under attack, which are in constant use, stay.
package final class TokenBuckets<Key: Hashable & Sendable>: Sendable {
  private struct Bucket {
    var tokens: Double
    var time: ContinuousClock.Instant
  }

  private struct State {
    var recent: [Key: Bucket] = [:]
    var older: [Key: Bucket] = [:]
  }

  private let rate: AttemptRate
  private let keysMax: Int
  private let now: @Sendable () -> ContinuousClock.Instant
  private let state = Mutex(State())

  package init(
    _ rate: AttemptRate, keysMax: Int,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    self.rate = rate
    self.keysMax = keysMax
    self.now = now
  }

  /// Takes one attempt; when there is none left, returns how long until there is.
  package func take(_ key: Key) -> Duration? {
    let now = now()
    return state.withLock { state in
      var bucket =
        state.recent[key] ?? state.older[key] ?? Bucket(tokens: Double(rate.count), time: now)
      let refill = bucket.time.duration(to: now) / rate.perAttempt
      bucket.tokens = min(Double(rate.count), bucket.tokens + max(0, refill))
      bucket.time = now
      let isAllowed = bucket.tokens >= 1
      if isAllowed { bucket.tokens -= 1 }
      if state.recent[key] == nil, state.recent.count >= keysMax / 2 {
        state.older = state.recent
        state.recent = [:]
      }
      state.recent[key] = bucket
      return isAllowed ? nil : rate.perAttempt * (1 - bucket.tokens)
    }
  }
}

/// So many attempts in so much time; all of them may come at once.
package struct AttemptRate: Sendable, Hashable {
  package let count: Int
  package let period: Duration

  package init(_ count: Int, per period: Duration) {
    self.count = count
    self.period = period
  }

  var perAttempt: Duration { period / count }
}
