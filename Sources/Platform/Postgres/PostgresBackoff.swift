import NIOCore

/// When a connection may be tried again after failures.
struct PostgresBackoff {
  static let first: TimeAmount = .milliseconds(50)
  static let delayMax: TimeAmount = .seconds(5)

  private(set) var failures = 0
  private(set) var retryAt = NIODeadline.uptimeNanoseconds(0)

  /// Doubles the delay, and takes a random half off: replicas must not return in step.
  mutating func failed(at now: NIODeadline) {
    let doublings = min(failures, 10)
    failures += 1
    let delay = min(Self.first.nanoseconds << Int64(doublings), Self.delayMax.nanoseconds)
    retryAt = now + .nanoseconds(Int64.random(in: delay / 2...delay))
  }

  mutating func succeeded() { self = PostgresBackoff() }
}
