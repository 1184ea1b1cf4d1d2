internal import Synchronization

/// Refuses the calls of a peer that makes too many: RESOURCE_EXHAUSTED, with the time to wait.
///
/// A peer is the first URI of its certificate, whatever its connections, else its IP address.
package struct RateLimitInterceptor: ServerInterceptor {
  /// More than a mesh has; what a table of so many takes is some hundred KiB.
  package static let peerCountMaxDefault = 4096

  private let limit: RateLimit
  private let now: @Sendable () -> ContinuousClock.Instant
  private let buckets: PeerBuckets

  /// `now` is for tests.
  package init(
    _ limit: RateLimit, peerCountMax: Int = peerCountMaxDefault,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    self.limit = limit
    self.now = now
    buckets = PeerBuckets(peerCountMax: peerCountMax, now: now())
  }

  package func intercept<Outcome: Sendable>(
    _ context: ServerContext, next: (ServerContext) async throws -> Outcome
  ) async throws -> Outcome {
    if let wait = buckets.take(context.peer, now: now(), limit) {
      throw RPCError(
        .resourceExhausted, "this peer makes too many calls", details: [.retryInfo(delay: wait)])
    }
    return try await next(context)
  }
}

/// The buckets of the peers that have called lately.
private final class PeerBuckets: Sendable {
  private struct Table {
    var buckets: [String: TokenBucket] = [:]
    /// For peers that find no place in the table: together they get what one gets.
    var rest: TokenBucket
    /// A search for buckets that may go is not worth while before this.
    var nextSweep: ContinuousClock.Instant
  }

  private let peerCountMax: Int
  private let table: Mutex<Table>

  init(peerCountMax: Int, now: ContinuousClock.Instant) {
    self.peerCountMax = peerCountMax
    table = Mutex(Table(rest: TokenBucket(now: now), nextSweep: now))
  }

  func take(_ peer: Peer, now: ContinuousClock.Instant, _ limit: RateLimit) -> Duration? {
    let key = peer.rateLimitKey
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
    in table: inout Table, _ now: ContinuousClock.Instant, _ limit: RateLimit
  ) -> Bool {
    if table.buckets.count < peerCountMax { return true }
    guard now >= table.nextSweep else { return false }
    table.nextSweep = now.advanced(by: limit.refillTime)
    table.buckets = table.buckets.filter { !$0.value.isFull(now: now) }
    return table.buckets.count < peerCountMax
  }
}

extension Peer {
  /// The port of an address is another with each connection.
  fileprivate var rateLimitKey: String {
    if let identity = identities.first { return identity }
    guard let colon = address.utf8.lastIndex(of: UInt8(ascii: ":")) else { return address }
    return String(address[..<colon])
  }
}
