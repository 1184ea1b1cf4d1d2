/// The moment by which a call must have ended, on the monotonic clock.
package struct Deadline: Sendable, Hashable, Comparable {
  package let instant: ContinuousClock.Instant

  package init(_ instant: ContinuousClock.Instant) {
    self.instant = instant
  }

  /// `timeout` from now.
  package static func after(_ timeout: Duration) -> Deadline {
    Deadline(.now.advanced(by: timeout))
  }

  /// What is left; never negative.
  package var remaining: Duration {
    max(.zero, ContinuousClock.Instant.now.duration(to: instant))
  }

  package var hasPassed: Bool { instant <= .now }

  package static func < (lhs: Deadline, rhs: Deadline) -> Bool { lhs.instant < rhs.instant }
}
