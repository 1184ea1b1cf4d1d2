import CLinux
import Foundation
import Synchronization

/// Counts requests to stop (Ctrl-C, SIGTERM): the first drains, the second forces.
package final class StopRequests: Sendable {
  private struct State {
    var count = 0
    var nextWaiter = 0
    var waiters: [Int: (count: Int, continuation: CheckedContinuation<Void, Never>)] = [:]
  }
  private let state = Mutex(State())
  private let sources = Mutex<[SignalSource]>([])

  /// Unchecked, because a dispatch source is safe to hold from anywhere and is only held here.
  private struct SignalSource: @unchecked Sendable {
    let source: any DispatchSourceSignal
  }

  package init() {}

  package func send() {
    let ready = state.withLock { state in
      state.count += 1
      let ready = state.waiters.filter { $0.value.count <= state.count }
      for key in ready.keys { state.waiters[key] = nil }
      return ready.values.map(\.continuation)
    }
    for continuation in ready { continuation.resume() }
  }

  /// Counts SIGINT and SIGTERM of this process from now on, and SIGHUP, which a closed terminal
  /// sends, unless `nohup` has it ignored.
  package func observeSignals() {
    for number in [SIGINT, SIGTERM] + (clinux_signal_is_ignored(SIGHUP) ? [] : [SIGHUP]) {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { self.send() }
      source.resume()
      let held = SignalSource(source: source)
      sources.withLock { $0.append(held) }
    }
  }

  /// Returns once `count` requests have come, or the task is cancelled.
  package func wait(for count: Int) async {
    let waiter = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDone = state.withLock { state -> Bool in
          if state.count >= count || Task.isCancelled { return true }
          state.waiters[waiter] = (count, continuation)
          return false
        }
        if isDone { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: waiter) }?.continuation.resume()
    }
  }
}
