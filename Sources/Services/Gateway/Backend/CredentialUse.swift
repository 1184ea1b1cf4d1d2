package import Edge
import Logging
import NIOCore
import RPC
import Synchronization

/// A request that runs on a credential's strength; ends with the credential.
package final class CredentialUse: Sendable {
  private let credentials: KnownCredentials
  private let hasEnded = Mutex(false)
  private let onRevoked: @Sendable (CredentialUse) -> Void

  init(_ credentials: KnownCredentials, onRevoked: @escaping @Sendable (CredentialUse) -> Void) {
    self.credentials = credentials
    self.onRevoked = onRevoked
  }

  deinit { credentials.end(ObjectIdentifier(self)) }

  /// The request is over; a revocation does nothing to it any more.
  package func end() {
    hasEnded.withLock { $0 = true }
    credentials.end(ObjectIdentifier(self))
  }

  var isRunning: Bool { !hasEnded.withLock { $0 } }

  func revoke() {
    if isRunning { onRevoked(self) }
  }
}

extension Authenticator {
  /// Lets a revocation of the visitor's credential close the connection of `exchange`, in the
  /// middle of the answer: its status can't be changed any more. Call `end` when the answer is
  /// complete.
  package func begin(_ visitor: Visitor, on exchange: Exchange) -> CredentialUse {
    let channel = exchange.channel
    let logger = exchange.logger
    let use = CredentialUse(credentials) { use in
      channel.eventLoop.execute {
        // The connection may have gone on to its next request.
        guard use.isRunning else { return }
        logger.info("ended a request: its credential was revoked")
        channel.close(promise: nil)
      }
    }
    if let name = visitor.name { credentials.begin(use, of: name, since: visitor.mark) }
    return use
  }
}

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
