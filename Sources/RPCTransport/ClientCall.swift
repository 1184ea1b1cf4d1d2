internal import HTTP2
internal import NIOCore
internal import RPC

/// One call of a client, from its caller to its outcome; belongs to the loop of its connection.
final class ClientCall: @unchecked Sendable {
  // Sendable because the caller's thread makes it and then only passes it to the loop.
  typealias Outcome = Result<UnaryResponse, RPCError>

  let method: MethodDescriptor
  /// The message in its envelope.
  let request: ByteBuffer
  let options: CallOptions
  let deadline: Deadline
  let deadlineOnLoop: NIODeadline
  private var continuation: CheckedContinuation<Outcome, Never>?
  private(set) var isDone = false
  /// The call was sent and came back unprocessed once: it is not sent a third time.
  var isRetried = false

  // What has arrived of the answer.
  var hasHeader = false
  var metadata = Metadata()
  var reader: EnvelopeReader

  weak var connection: ClientConnection?
  var stream: HTTP2Stream?

  init(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions, messageBytesMax: Int
  ) {
    self.method = method
    self.request = Envelope.seal(request)
    self.options = options
    deadline = options.effectiveDeadline
    deadlineOnLoop = deadline.onLoop
    reader = EnvelopeReader(messageBytesMax: messageBytesMax)
  }

  func start(_ continuation: CheckedContinuation<Outcome, Never>) {
    self.continuation = continuation
  }

  /// The first outcome counts.
  func finish(_ outcome: Outcome) {
    guard !isDone else { return }
    isDone = true
    continuation?.resume(returning: outcome)
    continuation = nil
  }

  func fail(_ error: RPCError) {
    finish(.failure(error))
  }
}
