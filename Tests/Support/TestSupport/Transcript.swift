import Foundation
import Synchronization

/// What a child process has printed, and a way to wait for a line of it.
package final class Transcript: Sendable {
  private struct State {
    var bytes: [UInt8] = []
    var hasEnded = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  package init() {}

  package var text: String { state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }

  /// Adds output; nil says that there will be no more.
  package func append(_ bytes: [UInt8]?) {
    let waiters = state.withLock { state in
      if let bytes { state.bytes += bytes } else { state.hasEnded = true }
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// The address in the line that says the portal is ready; nil when that line never came.
  func address(within timeout: Duration) async -> String? {
    await waitUntil(within: timeout) { text in
      text.split(separator: "\n").lazy
        .compactMap { $0.firstMatch(of: /Chatelaine is ready: (http\S+)/) }
        .first.map { String($0.1) }
    }
  }

  /// Waits until the output is closed.
  package func end(within timeout: Duration) async {
    _ = await waitUntil(within: timeout) { _ in nil as String? }
  }

  /// Tries `find` after each piece of output until it finds, the output ends or time is up.
  private func waitUntil(
    within timeout: Duration, _ find: @Sendable (String) -> String?
  ) async -> String? {
    // Wakes the waiters at the time limit; unstructured so that an early answer need not wait.
    let timer = Task {
      try await Task.sleep(for: timeout)
      self.append([])
    }
    defer { timer.cancel() }
    let limit = ContinuousClock.now.advanced(by: timeout)
    while true {
      if let found = find(text) { return found }
      let mustWait = state.withLock { !$0.hasEnded } && ContinuousClock.now < limit
      guard mustWait else { return nil }
      let seen = state.withLock { $0.bytes.count }
      await withCheckedContinuation { continuation in
        let isNew = state.withLock { state in
          if state.bytes.count != seen || state.hasEnded { return true }
          state.waiters.append(continuation)
          return false
        }
        if isNew { continuation.resume() }
      }
    }
  }
}
