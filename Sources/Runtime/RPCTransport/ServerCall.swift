import HTTP2
import NIOCore
import RPC

/// One call at the server, from its header fields to the end of its handler; belongs to the
/// connection's loop.
///
/// What every call has; how requests arrive and answers leave differs by shape.
class ServerCall: BudgetedCall, @unchecked Sendable {
  // Sendable because its task only carries it back to the loop.

  enum Phase {
    /// The handler has not been started.
    case receiving
    /// The handler runs, and the status was not sent yet.
    case running
    /// The status is with the session; a handler that was overtaken by its deadline may still run.
    case answered
  }

  /// Kept as long as the handler may want something of it.
  final let connection: ServerConnection
  final let stream: HTTP2Stream
  final let head: RequestHead
  final let deadline: Deadline?
  /// When the header fields were read from the socket.
  private final let started: NIODeadline
  private final let metrics: MethodMetrics
  /// Body bytes both ways, as they are on the wire.
  @exclusivity(unchecked) final var receivedBytes = 0
  @exclusivity(unchecked) final var sentBytes = 0
  @exclusivity(unchecked) private(set) final var phase = Phase.receiving
  /// Once the handler runs.
  @exclusivity(unchecked) private(set) final var context: ServerContext?
  /// Nil while there is none, and when the handler ended without ever waiting.
  @exclusivity(unchecked) private final var task: Task<Void, Never>?
  @exclusivity(unchecked) private final var isHandlerRunning = false
  /// Waits in `CallQueue` to be started.
  @exclusivity(unchecked) final var isHeld = false

  // MARK: BudgetedCall

  @exclusivity(unchecked) final var wantedBytes = 0
  @exclusivity(unchecked) final var reservedBytes = 0
  @exclusivity(unchecked) final var unfinishedBytes = 0
  @exclusivity(unchecked) final var blockedBytes = 0

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
  }

  final var eventLoop: any EventLoop { connection.eventLoop }
  /// What the handler wants to send beside its messages.
  final var response: ResponseMetadata { context?.response ?? ResponseMetadata() }

  // MARK: What the connection tells

  /// Takes body bytes, which count in `receivedBytes` already.
  func dataArrived(_ bytes: ByteBuffer) {}

  /// The client has ended its half of the stream.
  func requestEnded() {}

  /// There is room for the whole message that `wantedBytes` is about.
  func wasReserved() {}

  /// Starts the handler.
  func run() {}

  /// There is room for more in the stream's queue.
  func drained() {}

  /// Sends the status `error`, unless one was sent, whatever the handler does.
  func fail(_ error: RPCError) {}

  /// The deadline has passed: the handler is told, the client gets its status, and an answer that
  /// is not read is dropped.
  final func expire() {
    task?.cancel()
    if phase == .answered {
      connection.session?.reset(stream, .cancel)
    } else {
      fail(RPCError(.deadlineExceeded, "the deadline passed before the answer"))
      // What is queued in front of the status may never leave.
      if stream.outboundBytes > 0 { connection.session?.reset(stream, .cancel) }
    }
    connection.setNeedsFlush()
  }

  /// The stream is over, by whichever side; a handler that still runs is told to stop and keeps its
  /// place until it has.
  func streamClosed() {
    decided(.cancelled)
    task?.cancel()
    if !isHandlerRunning { connection.gate.release(self) }
  }

  // MARK: The handler

  /// Takes a place for the handler and has the interceptors look at the call; nil when it may not
  /// run.
  final func beginHandler(isRequestCompressed: Bool) -> ServerContext? {
    let connection = connection
    guard connection.takeHandlerPlace() else {
      // Streams that were reset still have their handlers: the client may try again elsewhere.
      decided(.unavailable)
      connection.session?.reset(stream, .refusedStream)
      return nil
    }
    phase = .running
    isHandlerRunning = true
    let context = ServerContext(
      method: head.route.descriptor, metadata: head.metadata, deadline: deadline,
      peer: connection.peer, isRequestCompressed: isRequestCompressed, started: started)
    self.context = context
    do throws(RPCError) {
      try head.route.begin(context, connection.shared.logger)
      return context
    } catch {
      endHandler()
      fail(error)
      releaseIfClosed()
      return nil
    }
  }

  /// Keeps the handler's task, to cancel it with its stream, unless it is over already.
  final func keep(_ task: Task<Void, Never>) {
    if isHandlerRunning { self.task = task }
  }

  /// What the peer gets now that the handler has returned or thrown; nil for OK.
  final func ending(of context: ServerContext, _ error: (any Error)?) -> RPCError? {
    head.route.end(context, error, connection.shared.logger)
  }

  /// Gives the handler's place back.
  final func endHandler() {
    isHandlerRunning = false
    task = nil
    connection.giveBackHandlerPlace()
  }

  final func releaseIfClosed() {
    if stream.isClosed { connection.gate.release(self) }
  }

  // MARK: The status

  /// The status is decided, or the stream ended without one; only the first counts.
  final func decided(_ code: RPCError.Code) {
    guard phase != .answered else { return }
    phase = .answered
    metrics.callEnded(
      code, nanoseconds: (NIODeadline.now() - started).nanoseconds, sentBytes: sentBytes,
      receivedBytes: receivedBytes)
  }

  /// An answer of header fields only.
  final func sendFailure(_ error: RPCError, on session: HTTP2Session) {
    let response = response
    let fields = ResponseFields.failure(
      error, initial: response.initial, trailing: response.trailing)
    // A stream that is on its way out takes no answer.
    try? session.respond(stream, fields, endOfStream: true)
  }
}
