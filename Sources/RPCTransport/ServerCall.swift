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
  let eventLoop: any EventLoop
  let stream: HTTP2Stream
  let head: RequestHead
  /// For handlers.
  let deadline: Deadline?
  /// For the connection's timer.
  let deadlineOnLoop: NIODeadline?
  let response = ResponseMetadata()
  private let metrics: MethodMetrics
  private let started: NIODeadline
  /// Body bytes both ways, as they are on the wire.
  var receivedBytes = 0
  var sentBytes = 0
  var phase = Phase.receiving
  /// Nil while there is none, and when the handler ended without ever waiting.
  var task: Task<Void, Never>?
  var isHandlerRunning = false
  /// Waits in `HeldCalls` to be started.
  var isHeld = false

  /// The request of a unary call.
  var reader: EnvelopeReader
  // The two directions of a streaming call.
  lazy var inbound = InboundMessages(reader)
  var gate = WriteGate()
  var hasSentHeader = false

  /// Bytes of the request in `ServerShared.unfinishedBytes`.
  var unfinishedBytes = 0
  /// Bytes of its answer in `HeldCalls.blockedBytes`.
  var blockedBytes = 0

  // Flow control of a large message: see `ReceiveBudget`.
  var wantedBytes = 0
  var reservedBytes = 0

  init(
    _ stream: HTTP2Stream, _ head: RequestHead, timeout: Duration?, on connection: ServerConnection
  ) {
    self.connection = connection
    eventLoop = connection.channel.eventLoop
    self.stream = stream
    self.head = head
    deadline = timeout.map { .after($0) }
    let now = NIODeadline.now()
    started = now
    deadlineOnLoop = timeout.map { now + $0.timeAmount }
    metrics = connection.shared.metrics.metrics(of: head.route)
    metrics.callStarted()
    reader = EnvelopeReader(
      messageBytesMax: connection.shared.configuration.messageBytesMax, encoding: head.encoding)
  }

  var isStreaming: Bool { !head.route.isUnary }

  /// The status is decided, or the stream ended without one; only the first counts.
  func decided(_ code: RPCError.Code) {
    guard phase != .answered else { return }
    phase = .answered
    metrics.callEnded(
      code, nanoseconds: (NIODeadline.now() - started).nanoseconds, sentBytes: sentBytes,
      receivedBytes: receivedBytes)
  }
}
