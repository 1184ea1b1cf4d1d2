import RPC
import Synchronization

/// A streaming call in memory, from its first message to its status.
///
/// The client's closure runs in its caller's task, the handler in one of its own; each side sees
/// what a socket would show it of the other.
final class InProcessCall: Sendable {
  private struct State {
    /// Set by the first of: the handler's end, the deadline, the client's leaving.
    var isOver = false
    var trailers = Metadata()
    var tasks: [Task<Void, Never>] = []
  }

  let requests = MessagePipe()
  let responses = MessagePipe()
  /// The initial metadata or why there is none; nil until the answer begins.
  let head = Monitor<Result<Metadata, RPCError>?>(nil)
  private let state = Mutex(State())

  /// What came with the status.
  var trailers: Metadata { state.withLock { $0.trailers } }

  // MARK: Running

  /// Starts the handler, and the clock.
  func start(
    _ deadline: Deadline, _ handler: @escaping @Sendable (InProcessCall) async -> Void
  ) {
    guard !deadline.hasPassed else { return expire() }
    // Unstructured: leaving the client's closure waits for neither. Detached, because a handler
    // behind a socket would not see its caller's task-local values either. `over` cancels both.
    run(Task.detached { await handler(self) })
    run(
      Task.detached {
        try? await Task.sleep(for: deadline.remaining)
        if !Task.isCancelled { self.expire() }
      })
  }

  private func run(_ task: Task<Void, Never>) {
    let isOver = state.withLock { state in
      if !state.isOver { state.tasks.append(task) }
      return state.isOver
    }
    if isOver { task.cancel() }
  }

  // MARK: Ending

  /// The answer begins: the client may read the initial metadata.
  func begin(_ response: ResponseMetadata) {
    head.change { $0 = $0 ?? .success(response.initial) }
  }

  /// The handler is done: its client gets what is written, and then the status.
  func answered(_ response: ResponseMetadata) {
    begin(response)
    finish(nil, response.trailing)
  }

  /// The same for a handler that failed.
  func answered(_ response: ResponseMetadata, failing failure: RPCError) {
    // What a socket would not carry doesn't reach the caller here either.
    func status(_ metadata: Metadata) -> RPCError {
      RPCError(failure.code, failure.message, details: failure.details, metadata: metadata)
    }
    var trailers = failure.metadata
    trailers.append(contentsOf: response.trailing)
    head.change { head in
      guard head == nil else { return }
      // An answer without a message is one block of fields, with all that was to be sent.
      trailers = response.failureFields(failure)
      head = .failure(status(trailers))
    }
    finish(status(trailers), trailers)
  }

  private func finish(_ failure: RPCError?, _ trailers: Metadata) {
    guard over(trailers) else { return }
    // First this: who has read the status may count on what a write does.
    requests.fail(failure ?? RPCError(.cancelled, "the server has ended the call"))
    responses.finish(throwing: failure)
  }

  /// The client has no more interest.
  func cancel() {
    fail(RPCError(.cancelled, "the call was cancelled"))
  }

  private func expire() {
    fail(RPCError(.deadlineExceeded, "the deadline passed before the answer"))
  }

  /// Ends the call for both sides at once.
  func fail(_ error: RPCError) {
    guard over(Metadata()) else { return }
    head.change { $0 = $0 ?? .failure(error) }
    responses.fail(error)
    requests.fail(error)
  }

  /// Whether this is the end that counts.
  private func over(_ trailers: Metadata) -> Bool {
    let tasks = state.withLock { state -> [Task<Void, Never>]? in
      guard !state.isOver else { return nil }
      state.isOver = true
      state.trailers = trailers
      defer { state.tasks = [] }
      return state.tasks
    }
    guard let tasks else { return false }
    for task in tasks { task.cancel() }
    return true
  }
}

extension ResponseMetadata {
  /// What comes with the status of a call that failed before it had sent anything.
  func failureFields(_ failure: RPCError) -> Metadata {
    var fields = failure.metadata
    fields.append(contentsOf: initial)
    fields.append(contentsOf: trailing)
    return fields
  }
}
