import RPC
import Synchronization

/// A question to `auth` that is on its way, and who waits for its answer.
final class Question: Sendable {
  typealias Answer = Result<KnownCredential, RPCError>?

  private enum State {
    case open([ObjectIdentifier: CheckedContinuation<Answer, Never>])
    case answered(Answer)
  }

  /// Identifies one who waits.
  private final class Ticket: Sendable {}

  let asked: ContinuousClock.Instant
  let mark: Int
  /// The stream of revocations that was open then.
  let stream: Int?
  private let state = Mutex(State.open([:]))

  init(asked: ContinuousClock.Instant, mark: Int, stream: Int?) {
    self.asked = asked
    self.mark = mark
    self.stream = stream
  }

  /// Waits for the answer; nil when it will never come.
  func result() async throws(RPCError) -> Answer {
    let ticket = Ticket()
    let id = ObjectIdentifier(ticket)
    let answer = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Answer, Never>) in
        let answer: Answer? = state.withLock { state in
          switch state {
          case .answered(let answer): return .some(answer)
          case .open(var waiting):
            if Task.isCancelled { return .some(nil) }
            waiting[id] = continuation
            state = .open(waiting)
            return .none
          }
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      let continuation = state.withLock { state -> CheckedContinuation<Answer, Never>? in
        guard case .open(var waiting) = state else { return nil }
        let continuation = waiting.removeValue(forKey: id)
        state = .open(waiting)
        return continuation
      }
      continuation?.resume(returning: nil)
    }
    if answer == nil, Task.isCancelled { throw RPCError(.cancelled, "the call was cancelled") }
    return withExtendedLifetime(ticket) { answer }
  }

  func finish(_ answer: Answer) {
    let waiting = state.withLock { state -> [CheckedContinuation<Answer, Never>] in
      guard case .open(let waiting) = state else { return [] }
      state = .answered(answer)
      return Array(waiting.values)
    }
    for continuation in waiting { continuation.resume(returning: answer) }
  }
}
