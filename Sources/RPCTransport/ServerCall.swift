internal import HTTP2
internal import NIOCore
internal import RPC

/// One call at the server, from its header fields to the end of its handler; belongs to the
/// connection's loop.
final class ServerCall: @unchecked Sendable {
  // Sendable because its task only carries it back to the loop.

  enum Phase {
    /// The request is arriving.
    case receiving
    /// The handler runs, and nothing was answered yet.
    case running
    /// The answer is with the session; a handler that was overtaken by its deadline may still run.
    case answered
  }

  let stream: HTTP2Stream
  let head: RequestHead
  /// For handlers.
  let deadline: Deadline
  /// For the connection's timer.
  let deadlineOnLoop: NIODeadline
  let response = ResponseMetadata()
  var reader: EnvelopeReader
  var phase = Phase.receiving
  /// Nil while there is none, and when the handler ended without ever waiting.
  var task: Task<Void, Never>?
  var isHandlerRunning = false

  // Flow control of a large request: see `ReceiveBudget`.
  var wantedBytes = 0
  var reservedBytes = 0

  init(
    _ stream: HTTP2Stream, _ head: RequestHead, timeout: Duration, messageBytesMax: Int
  ) {
    self.stream = stream
    self.head = head
    deadline = .after(timeout)
    deadlineOnLoop = .now() + timeout.timeAmount
    reader = EnvelopeReader(messageBytesMax: messageBytesMax)
  }
}
