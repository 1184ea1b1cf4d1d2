import NIOCore
package import Pacing
import Synchronization

/// Refuses the calls of a peer that makes too many: RESOURCE_EXHAUSTED, with the time to wait.
///
/// A peer is who `Peer.name` says. Time is when calls arrive.
package final class RateLimitInterceptor: ServerInterceptor {
  /// More than a mesh has; what a table of so many takes is some hundred KiB.
  package static let peerCountMaxDefault = 4096

  private let limit: RateLimit
  private let buckets: PeerBuckets

  package init(_ limit: RateLimit, peerCountMax: Int = peerCountMaxDefault) {
    self.limit = limit
    buckets = PeerBuckets(peerCountMax: peerCountMax)
  }

  package func callBegins(_ context: ServerContext) throws {
    guard let wait = buckets.take(context.peer, now: context.started.nanosecondsClamped, limit)
    else { return }
    throw RPCError(
      .resourceExhausted, "this peer makes too many calls", details: [.retryInfo(delay: wait)])
  }
}

/// The buckets of the peers that have called lately.
private final class PeerBuckets: Sendable {
  private struct Table {
    var buckets: [String: TokenBucket] = [:]
    /// For peers that find no place in the table: together they get what one gets.
    var rest = TokenBucket(now: 0)
    /// A search for buckets that may go isn't worth it before this.
    var nextSweep: Int64 = 0
  }

  private let peerCountMax: Int
  private let table = Mutex(Table())

  init(peerCountMax: Int) {
    self.peerCountMax = peerCountMax
  }

  func take(_ peer: Peer, now: Int64, _ limit: RateLimit) -> Duration? {
    let key = peer.name
    return table.withLock { table in
      if let index = table.buckets.index(forKey: key) {
        return table.buckets.values[index].take(now: now, limit)
      }
      guard makePlace(in: &table, now, limit) else { return table.rest.take(now: now, limit) }
      var bucket = TokenBucket(now: now)
      defer { table.buckets[key] = bucket }
      return bucket.take(now: now, limit)
    }
  }

  /// A full bucket is as good as none: those go when there are too many. Looking for them costs a
  /// walk through the table, which a crowd of peers must not bring about with every call.
  private func makePlace(
    in table: inout Table, _ now: Int64, _ limit: RateLimit
  ) -> Bool {
    if table.buckets.count < peerCountMax { return true }
    guard now >= table.nextSweep else { return false }
    table.nextSweep = now + limit.refillTime.nanosecondsClamped
    table.buckets = table.buckets.filter { !$0.value.isFull(now: now) }
    return table.buckets.count < peerCountMax
  }
}
