internal import HTTP2
internal import NIOCore
internal import RPC

/// One call at the server, from its header fields to the end of its handler; belongs to the
/// connection's loop.
final class ServerCall: @unchecked Sendable {
  // Sendable because its task only carries it back to the loop.

  enum Phase {
    /// The request of a unary call is arriving.
    case receiving
    /// The handler runs, and the status was not sent yet.
    case running
    /// The status is with the session; a handler that was overtaken by its deadline may still run.
    case answered
  }

  /// Kept as long as the handler may want something of it.
  let connection: ServerConnection
  let stream: HTTP2Stream
  let head: RequestHead
  let deadline: Deadline?
  /// When the header fields were read from the socket.
  let started: NIODeadline
  private let metrics: MethodMetrics
  /// Body bytes both ways, as they are on the wire.
  @exclusivity(unchecked) var receivedBytes = 0
  @exclusivity(unchecked) var sentBytes = 0
  @exclusivity(unchecked) var phase = Phase.receiving
  /// Once the handler runs.
  @exclusivity(unchecked) var context: ServerContext?
  /// Nil while there is none, and when the handler ended without ever waiting.
  @exclusivity(unchecked) var task: Task<Void, Never>?
  @exclusivity(unchecked) var isHandlerRunning = false
  /// Waits in `HeldCalls` to be started.
  var isHeld = false

  /// The request of a unary call, when it came in one piece.
  @exclusivity(unchecked) var request: ByteBuffer?
  /// Else its pieces.
  var reader: EnvelopeReader
  // The two directions of a streaming call.
  // Not lazy: that would copy it, and what it holds, for each change.
  var inbound: InboundMessages
  var gate = WriteGate()
  var hasSentHeader = false

  /// Bytes of the request in `ServerShared.unfinishedBytes`.
  @exclusivity(unchecked) var unfinishedBytes = 0
  /// Bytes of its answer in `HeldCalls.blockedBytes`.
  @exclusivity(unchecked) var blockedBytes = 0

  // Flow control of a large message: see `ReceiveBudget`.
  @exclusivity(unchecked) var wantedBytes = 0
  @exclusivity(unchecked) var reservedBytes = 0

  init(
    _ stream: HTTP2Stream, _ head: RequestHead, timeout: TimeAmount?, started: NIODeadline,
    on connection: ServerConnection
  ) {
    self.connection = connection
    self.stream = stream
    self.head = head
    self.started = started
    deadline = timeout.map { Deadline(started + $0) }
    metrics = connection.shared.metrics.metrics(of: head.route)
    metrics.callStarted()
    let reader = EnvelopeReader(
      messageBytesMax: connection.shared.messageBytesMax, encoding: head.encoding)
    self.reader = reader
    inbound = InboundMessages(reader)
  }

  var isStreaming: Bool { !head.route.isUnary }
  var eventLoop: any EventLoop { connection.eventLoop }
  /// What the handler wants to send beside its messages.
  var response: ResponseMetadata { context?.response ?? ResponseMetadata() }

  /// The status is decided, or the stream ended without one; only the first counts.
  func decided(_ code: RPCError.Code) {
    guard phase != .answered else { return }
    phase = .answered
    metrics.callEnded(
      code, nanoseconds: (NIODeadline.now() - started).nanoseconds, sentBytes: sentBytes,
      receivedBytes: receivedBytes)
  }
}
