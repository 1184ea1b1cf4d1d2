package import NIOCore
import Pacing

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

/// The value of `grpc-timeout`: at most 8 digits and a unit.
package enum TimeoutField {
  private static let digitsMax = 8
  private static let valueMax: Int64 = 99_999_999
  private static let nanosecondsPerSecond: Int64 = 1_000_000_000

  /// From the finest unit to the coarsest.
  private static let units: [(letter: UInt8, nanoseconds: Int64)] = [
    (UInt8(ascii: "n"), 1),
    (UInt8(ascii: "u"), 1_000),
    (UInt8(ascii: "m"), 1_000_000),
    (UInt8(ascii: "S"), nanosecondsPerSecond),
    (UInt8(ascii: "M"), 60 * nanosecondsPerSecond),
    (UInt8(ascii: "H"), 3_600 * nanosecondsPerSecond),
  ]

  /// In the finest unit that fits, rounded up: a peer must not give up before we do.
  package static func encode(_ timeout: Duration) -> [UInt8] {
    let nanoseconds = timeout.nanosecondsClamped
    for unit in units {
      let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: unit.nanoseconds)
      let value = rest > 0 ? whole + 1 : whole
      if value <= valueMax { return Array(String(value).utf8) + [unit.letter] }
    }
    return Array(String(valueMax).utf8) + [UInt8(ascii: "H")]
  }

  /// Nil when it isn't a timeout.
  package static func decode(_ bytes: some BidirectionalCollection<UInt8>) -> Duration? {
    let digits = bytes.dropLast()
    guard let letter = bytes.last, (1...digitsMax).contains(digits.count),
      let unit = units.first(where: { $0.letter == letter })
    else { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = value * 10 + Int64(digit - UInt8(ascii: "0"))
    }
    // 99,999,999 hours are more nanoseconds than an Int64 holds.
    return unit.nanoseconds < nanosecondsPerSecond
      ? .nanoseconds(value * unit.nanoseconds)
      : .seconds(value * (unit.nanoseconds / nanosecondsPerSecond))
  }
}

extension NIODeadline {
  /// Nanoseconds since the clock's beginning, as rate limits count.
  package var nanosecondsClamped: Int64 { Int64(clamping: uptimeNanoseconds) }
}
