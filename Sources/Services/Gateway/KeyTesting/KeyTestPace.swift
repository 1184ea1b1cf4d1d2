import Edge
import HTTPTypes
import NIOCore
import Pacing
import Synchronization

/// How often one user may test keys: enough for a page of them, too seldom to sort stolen ones.
final class KeyTestPace: Sendable {
  static let limit = RateLimit(burst: 40, interval: .seconds(3))
  /// Users whose buckets are kept; full ones are dropped before another is added.
  static let usersMax = 10_000

  private let buckets = Mutex<[String: TokenBucket]>([:])

  /// Counts a test; throws a 429 that says when the next may be.
  func begin(user: String, now: NIODeadline = .now()) throws(Problem) {
    let time = Int64(clamping: now.uptimeNanoseconds)
    let wait: Duration? = buckets.withLock { buckets in
      if buckets.count >= Self.usersMax, buckets[user] == nil {
        buckets = buckets.filter { !$0.value.isFull(now: time) }
      }
      var bucket = buckets[user] ?? TokenBucket(now: time)
      defer { buckets[user] = bucket }
      return bucket.take(now: time, Self.limit)
    }
    guard let wait else { return }
    let seconds = max(1, Int(wait.components.seconds) + 1)
    throw Problem(
      .tooManyRequests, "you test keys too often: try again in \(seconds) seconds",
      headers: [.retryAfter: "\(seconds)"])
  }
}
