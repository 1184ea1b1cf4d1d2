import RPC
import Synchronization

/// A state behind a lock, and the tasks that wait until it lets them go on.
final class Monitor<State: Sendable>: Sendable {
  private typealias Waiter = CheckedContinuation<Void, Never>

  private struct Inside {
    var state: State
    /// Counts the changes: who saw this version has missed none.
    var version: UInt64 = 0
    var waiters: [UInt64: Waiter] = [:]
    var lastWaiterID: UInt64 = 0

    mutating func changed() -> [Waiter] {
      version &+= 1
      guard !waiters.isEmpty else { return [] }
      defer { waiters.removeAll(keepingCapacity: true) }
      return Array(waiters.values)
    }
  }

  private let inside: Mutex<Inside>

  init(_ state: State) {
    inside = Mutex(Inside(state: state))
  }

  /// Changes the state and wakes everybody for another look at it.
  @discardableResult
  func change<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
    let (value, woken) = inside.withLock { (body(&$0.state), $0.changed()) }
    for waiter in woken { waiter.resume() }
    return value
  }

  /// Tries until `attempt`, which may change the state, has a result; between attempts the task
  /// waits for a change. Throws CANCELLED when it is cancelled while it waits.
  func wait<Value: Sendable>(
    _ attempt: (inout State) -> Result<Value, RPCError>?
  ) async throws(RPCError) -> Value {
    while true {
      let (result, woken, version) = inside.withLock { inside in
        let result = attempt(&inside.state)
        let woken = result == nil ? [] : inside.changed()
        return (result, woken, inside.version)
      }
      for waiter in woken { waiter.resume() }
      if let result { return try result.get() }
      if Task.isCancelled { throw RPCError(.cancelled, "the call was cancelled") }
      await waitForChange(since: version)
    }
  }

  private func waitForChange(since version: UInt64) async {
    let id = inside.withLock { inside in
      inside.lastWaiterID &+= 1
      return inside.lastWaiterID
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        let mayWait = inside.withLock { inside in
          // The flag is set before the cancellation handler runs: one of both sees the waiter.
          guard inside.version == version, !Task.isCancelled else { return false }
          inside.waiters[id] = waiter
          return true
        }
        if !mayWait { waiter.resume() }
      }
    } onCancel: {
      inside.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
    }
  }
}
