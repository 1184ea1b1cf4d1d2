import HTTP2
import NIOCore
import RPC

/// Holds the writer of a stream back while the peer doesn't read; belongs to the connection's loop.
struct WriteGate {
  typealias Waiter = CheckedContinuation<Result<Void, RPCError>, Never>

  /// Beyond these bytes in a stream's queue its writer waits.
  static let queuedBytesMax = 64 << 10

  private var waiter: Waiter?

  /// Whether the writer may go on at once; else `wait`.
  static func isOpen(_ stream: HTTP2Stream) -> Bool { stream.outboundBytes <= queuedBytesMax }

  /// Resumes `waiter` when the stream's queue has become short.
  mutating func wait(_ waiter: Waiter, for stream: HTTP2Stream?) {
    guard self.waiter == nil else {
      return waiter.resume(
        returning: .failure(RPCError(.internal, "a stream has one writer at a time")))
    }
    stream?.notifyWhenDrained = true
    self.waiter = waiter
  }

  mutating func open() {
    waiter?.resume(returning: .success(()))
    waiter = nil
  }

  mutating func fail(_ error: RPCError) {
    waiter?.resume(returning: .failure(error))
    waiter = nil
  }
}

extension EventLoop {
  /// Runs `body` on this loop: now, if this is its thread.
  func onLoop(_ body: @escaping @Sendable () -> Void) {
    if inEventLoop { body() } else { execute(body) }
  }

  /// Suspends the task until the waiter that `begin` gets on this loop is resumed; `giveUp` is to
  /// resume it when the task is cancelled.
  func wait<Value: Sendable>(
    _ begin: @escaping @Sendable (CheckedContinuation<Value, Never>) -> Void,
    giveUp: @escaping @Sendable () -> Void
  ) async -> Value {
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        onLoop { begin(waiter) }
        // The handler below may have run before there was a waiter.
        if Task.isCancelled { onLoop(giveUp) }
      }
    } onCancel: {
      onLoop(giveUp)
    }
  }
}
