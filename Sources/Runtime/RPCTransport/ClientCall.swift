import HTTP2
import NIOCore
import RPC

/// One call of a client, from its caller to its outcome; belongs to the loop of its connection.
///
/// What every call has; how requests leave and answers arrive differs by shape.
class ClientCall: @unchecked Sendable {
  // Sendable because the caller's thread makes it and then only passes it to the loop.

  let method: MethodDescriptor
  let options: CallOptions
  let deadline: Deadline
  let messageBytesMax: Int
  /// The outcome is known: whatever still arrives is dropped.
  private(set) var isDone = false
  /// The call was sent and came back unprocessed once: it is not sent a third time.
  var isRetried = false
  /// The beginning of the answer has arrived: the server has seen the call.
  private(set) var hasHeader = false

  private let metrics: MethodMetrics
  private let started = NIODeadline.now()
  /// Body bytes both ways, as they are on the wire.
  var receivedBytes = 0
  var sentBytes = 0

  var connection: ClientConnection?
  var stream: HTTP2Stream?

  init(_ method: MethodDescriptor, options: CallOptions, shared: ClientShared) {
    self.method = method
    self.options = options
    messageBytesMax = shared.configuration.messageBytesMax
    metrics = shared.metrics.metrics(of: method)
    deadline = options.effectiveDeadline
    metrics.callStarted()
  }

  /// May be sent again from the beginning.
  var isReplayable: Bool { true }

  /// What OK in an answer of header fields only stands for: nil where no message is needed.
  var statusWithoutMessage: RPCError? {
    switch method.shape {
    case .unary, .clientStreaming:
      RPCError(.internal, "the response has a status but no message")
    case .serverStreaming, .bidirectionalStreaming: nil
    }
  }

  // MARK: What the connection tells, once `stream` is set

  /// The request's header fields are with the session; its messages may follow.
  func opened(_ stream: HTTP2Stream, on session: HTTP2Session) {
    self.stream = stream
  }

  /// The beginning of a gRPC answer.
  func headerArrived(_ head: ResponseHead) throws(RPCError) {
    hasHeader = true
    guard head.encoding != nil else {
      throw RPCError(.internal, "the answer has a grpc-encoding that was not offered")
    }
  }

  /// Takes body bytes; returns how much credit the sender gets at once.
  func dataArrived(_ bytes: ByteBuffer) throws(RPCError) -> Int { bytes.readableBytes }

  /// There is room for more in the stream's queue.
  func drained() {}

  /// The trailers came; nil stands for OK.
  func statusArrived(_ error: RPCError?, trailers: Metadata) {
    done(error?.code ?? .ok)
  }

  /// The call's end before a status, from this side or below; only the first counts.
  func fail(_ error: RPCError) {
    done(error.code)
  }

  private func done(_ code: RPCError.Code) {
    guard !isDone else { return }
    isDone = true
    metrics.callEnded(
      code, nanoseconds: (NIODeadline.now() - started).nanoseconds, sentBytes: sentBytes,
      receivedBytes: receivedBytes)
  }
}
