import Pacing
import Testing

@Suite struct TokenBucketTests {
  private static let second: Int64 = 1_000_000_000

  @Test func aBurstIsThereAtOnceAndThenTheRate() {
    let limit = RateLimit(rate: 10, burst: 3)
    var bucket = TokenBucket(now: 5 * Self.second)
    for _ in 1...3 { #expect(bucket.take(now: 5 * Self.second, limit) == nil) }
    #expect(bucket.take(now: 5 * Self.second, limit) == .milliseconds(100))
    #expect(bucket.take(now: 5 * Self.second + 99_000_000, limit) == .milliseconds(1))
    #expect(bucket.take(now: 5 * Self.second + 100_000_000, limit) == nil)
    #expect(bucket.take(now: 5 * Self.second + 100_000_000, limit) != nil)
    #expect(!bucket.isFull(now: 5 * Self.second + 399_000_000))
    #expect(bucket.isFull(now: 5 * Self.second + 400_000_000))
  }

  @Test func idleTimeSavesUpNoMoreThanABurst() {
    let limit = RateLimit(burst: 2, interval: .seconds(1))
    var bucket = TokenBucket(now: 0)
    let later = 1_000_000 * Self.second
    #expect(bucket.take(2, now: later, limit) == nil)
    #expect(bucket.take(now: later, limit) == .seconds(1))
  }

  @Test func whatIsRefusedTakesNothing() {
    let limit = RateLimit(burst: 5, interval: .seconds(1))
    var bucket = TokenBucket(now: 0)
    #expect(bucket.take(3, now: 0, limit) == nil)
    #expect(bucket.take(3, now: 0, limit) == .seconds(1))
    #expect(bucket.take(2, now: 0, limit) == nil)
    #expect(bucket.take(0, now: 0, limit) == nil)
    // No bucket ever holds more than a burst.
    #expect(bucket.take(.max, now: 100 * Self.second, limit) != nil)
  }

  @Test(arguments: [
    RateLimit(rate: .max, burst: .max), RateLimit(rate: .min, burst: .min),
    RateLimit(burst: .max, interval: .seconds(Int64.max)), RateLimit(burst: 0, interval: .zero),
  ])
  func absurdLimitsDoNotOverflow(_ limit: RateLimit) {
    var bucket = TokenBucket(now: 100 * 365 * 86_400 * Self.second)
    #expect(bucket.take(now: 100 * 365 * 86_400 * Self.second, limit) == nil)
    _ = bucket.take(.max, now: 100 * 365 * 86_400 * Self.second, limit)
    #expect(limit.refillTime > .zero)
  }
}
