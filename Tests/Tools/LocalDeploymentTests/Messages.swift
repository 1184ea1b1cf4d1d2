import Synchronization

/// What a supervisor said, and a way to wait for one of its lines.
final class Messages: Sendable {
  private struct Waiter {
    let text: String
    let times: Int
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var lines: [String] = []
    var hasEnded = false
    var waiters: [Waiter] = []

    func count(of text: String) -> Int { lines.count { $0.contains(text) } }
  }

  struct NeverCame: Error {
    let text: String
    let lines: [String]
  }
  private let state = Mutex(State())

  var lines: [String] { state.withLock { $0.lines } }

  func add(_ line: String) {
    let ready = state.withLock { state in
      state.lines.append(line)
      let waiters = state.waiters
      state.waiters = waiters.filter { state.count(of: $0.text) < $0.times }
      return waiters.filter { state.count(of: $0.text) >= $0.times }
    }
    for waiter in ready { waiter.continuation.resume() }
  }

  /// Says that no more lines come; whoever still waits is told so.
  func end() {
    let (waiters, lines) = state.withLock { state in
      state.hasEnded = true
      defer { state.waiters = [] }
      return (state.waiters, state.lines)
    }
    for waiter in waiters {
      waiter.continuation.resume(throwing: NeverCame(text: waiter.text, lines: lines))
    }
  }

  /// Returns once so many lines with `text` have come; throws when the supervisor ends before.
  func wait(for text: String, times: Int = 1) async throws {
    try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<Void, any Error>) in
      let answer = state.withLock { state -> Result<Void, any Error>? in
        if state.count(of: text) >= times { return .success(()) }
        if state.hasEnded { return .failure(NeverCame(text: text, lines: state.lines)) }
        state.waiters.append(Waiter(text: text, times: times, continuation: continuation))
        return nil
      }
      if let answer { continuation.resume(with: answer) }
    }
  }
}
