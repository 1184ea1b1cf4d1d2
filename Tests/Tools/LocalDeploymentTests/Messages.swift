import Synchronization

/// What a supervisor said, and a way to wait for one of its lines.
final class Messages: Sendable {
  private struct State {
    var lines: [String] = []
    var hasEnded = false
    var waiters: [(text: String, continuation: CheckedContinuation<Void, any Error>)] = []
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
      let ready = state.waiters.filter { line.contains($0.text) }
      state.waiters.removeAll { line.contains($0.text) }
      return ready
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

  /// Returns once a line with `text` has come; throws when the supervisor ends without it.
  func wait(for text: String) async throws {
    try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<Void, any Error>) in
      let answer = state.withLock { state -> Result<Void, any Error>? in
        if state.lines.contains(where: { $0.contains(text) }) { return .success(()) }
        if state.hasEnded { return .failure(NeverCame(text: text, lines: state.lines)) }
        state.waiters.append((text, continuation))
        return nil
      }
      if let answer { continuation.resume(with: answer) }
    }
  }
}
