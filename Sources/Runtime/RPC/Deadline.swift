package import NIOCore

/// The moment by which a call must have ended, on the monotonic clock of the event loops.
package struct Deadline: Sendable, Hashable, Comparable {
  /// A century: sums of the clock must not overflow.
  private static let nanosecondsMax: Int64 = 100 * 365 * 86_400 * 1_000_000_000

  package let instant: NIODeadline

  package init(_ instant: NIODeadline) {
    self.instant = instant
  }

  /// `timeout` from now.
  package static func after(_ timeout: Duration) -> Deadline {
    Deadline(.now() + .nanoseconds(min(timeout.nanosecondsClamped, nanosecondsMax)))
  }

  /// What is left; never negative.
  package var remaining: Duration {
    .nanoseconds(max(0, (instant - .now()).nanoseconds))
  }

  package var hasPassed: Bool { instant <= .now() }

  package static func < (lhs: Deadline, rhs: Deadline) -> Bool { lhs.instant < rhs.instant }
}
