import Pacing
import Synchronization

/// Counts attempts by key, each key with a bucket that refills steadily.
///
/// Bounded: of `keysMax` keys the least recently used are forgotten, in two generations. To be
/// forgotten is to have a full bucket again, so keys under attack, which are in constant use, stay.
package final class TokenBuckets<Key: Hashable & Sendable>: Sendable {
  private struct State {
    var recent: [Key: TokenBucket] = [:]
    var older: [Key: TokenBucket] = [:]
  }

  private let limit: RateLimit
  private let keysMax: Int
  private let now: @Sendable () -> ContinuousClock.Instant
  private let beginning: ContinuousClock.Instant
  private let state = Mutex(State())

  package init(
    _ rate: AttemptRate, keysMax: Int,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    limit = rate.limit
    self.keysMax = keysMax
    self.now = now
    beginning = now()
  }

  /// Takes one attempt; when there is none left, returns how long until there is.
  package func take(_ key: Key) -> Duration? {
    let now = beginning.duration(to: now()).nanosecondsClamped
    return state.withLock { state in
      var bucket = state.recent[key] ?? state.older[key] ?? TokenBucket(now: now)
      let wait = bucket.take(now: now, limit)
      if state.recent[key] == nil, state.recent.count >= keysMax / 2 {
        state.older = state.recent
        state.recent = [:]
      }
      state.recent[key] = bucket
      return wait
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

  var limit: RateLimit { RateLimit(burst: count, interval: period / count) }
}
