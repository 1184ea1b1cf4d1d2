import NIOCore
import Pacing
import RPC

/// One timer for all deadlines of a connection: armed for the earliest, never cancelled when a call
/// ends in time, so that a call costs a comparison and not a timer.
struct DeadlineTimer {
  private var armed: NIODeadline?
  private var timer: Scheduled<Void>?

  /// Whether `arm` would do anything: asking costs less than making the closure for it.
  func needs(_ deadline: NIODeadline) -> Bool {
    armed.map { deadline < $0 } ?? true
  }

  /// Has `fire` called on the loop at `deadline`, unless it will be called earlier anyway.
  mutating func arm(
    _ deadline: NIODeadline, on eventLoop: any EventLoop, _ fire: @escaping @Sendable () -> Void
  ) {
    if let armed, armed <= deadline { return }
    timer?.cancel()
    armed = deadline
    timer = eventLoop.scheduleTask(deadline: deadline, fire)
  }

  /// To be called first when the timer has fired; then arm it for what is left.
  mutating func fired() {
    armed = nil
    timer = nil
  }

  mutating func cancel() {
    timer?.cancel()
    fired()
  }
}

/// Calls back once after a while, however often it is armed meanwhile.
struct RetryTimer {
  private static let interval = TimeAmount.milliseconds(100)

  private var isArmed = false

  mutating func arm(on eventLoop: any EventLoop, _ fire: @escaping @Sendable () -> Void) {
    guard !isArmed else { return }
    isArmed = true
    eventLoop.scheduleTask(in: Self.interval, fire)
  }

  /// To be called first when the timer has fired.
  mutating func fired() {
    isArmed = false
  }
}

extension Duration {
  var timeAmount: TimeAmount { .nanoseconds(nanosecondsClamped.clampedForLoop) }
}

extension Int64 {
  /// A century: sums of NIO's clock must not overflow.
  fileprivate var clampedForLoop: Int64 { Swift.min(self, 100 * 365 * 86_400 * 1_000_000_000) }
}
