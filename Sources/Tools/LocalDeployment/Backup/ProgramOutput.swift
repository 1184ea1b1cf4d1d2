import Foundation
import Synchronization

/// What a program prints, as far as it is kept, and a way to wait for a part of it.
final class ProgramOutput: Sendable {
  private struct Waiter {
    /// Nil waits for the end.
    let text: String?
    let continuation: CheckedContinuation<String?, Never>
  }

  private struct State {
    var bytes: [UInt8] = []
    var hasEnded = false
    var waiters: [Waiter] = []

    /// What a waiter gets; nil while it has to wait.
    func answer(to text: String?) -> String?? {
      let all = String(decoding: bytes, as: UTF8.self)
      if let text, all.contains(text) { return all }
      return hasEnded ? .some(text == nil ? all : nil) : nil
    }
  }
  private let state = Mutex(State())
  private let bytesMax: Int

  /// - Parameter bytesMax: the end of the output that is kept.
  init(bytesMax: Int) { self.bytesMax = bytesMax }

  /// From the thread that reads; nil is the end.
  func append(_ chunk: [UInt8]?) {
    let ready = state.withLock { state in
      state.bytes += chunk ?? []
      state.bytes.removeFirst(max(0, state.bytes.count - bytesMax))
      state.hasEnded = chunk == nil
      let answers = state.waiters.map { ($0, state.answer(to: $0.text)) }
      state.waiters = answers.filter { $0.1 == nil }.map(\.0)
      return answers
    }
    for (waiter, answer) in ready {
      if let answer { waiter.continuation.resume(returning: answer) }
    }
  }

  /// Everything, once it has ended.
  func text() async -> String {
    (await answer(to: nil) ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// True once `text` is in it; false when it has ended without.
  func contains(_ text: String) async -> Bool { await answer(to: text) != nil }

  private func answer(to text: String?) async -> String? {
    await withCheckedContinuation { continuation in
      let answer = state.withLock { state -> String?? in
        let answer = state.answer(to: text)
        if answer == nil { state.waiters.append(Waiter(text: text, continuation: continuation)) }
        return answer
      }
      if let answer { continuation.resume(returning: answer) }
    }
  }
}
