import HTTP2
import NIOCore

/// Decides when the calls of one connection go on: when a handler starts, when an answer is handed
/// to the session, and when a large request may come. What must wait is tried again when bytes have
/// left, and after a while, as other connections may have given something back.
///
/// Belongs to the connection's loop.
final class CallGate {
  private var queue: CallQueue<ServerCall>
  private var answers: AnswerBudget<UnaryServerCall>
  private var startRetry = RetryTimer()
  private var reserveRetry = RetryTimer()
  private var isReleasing = false

  init(_ budgets: ServerBudgets) {
    queue = CallQueue(budgets)
    answers = AnswerBudget(budgets)
  }

  private var holdsCalls: Bool { answers.hasHeld || queue.hasUnstarted }

  /// The call's stream is over.
  func forget(_ call: ServerCall) {
    finishRequest(of: call)
    queue.forget(call)
    answers.forget(call)
  }

  // MARK: Handlers and answers

  /// Starts the call's handler, unless it runs or the client has yet to read what it asked for
  /// before.
  func start(_ call: ServerCall) {
    guard call.phase == .receiving, !call.isHeld else { return }
    if allowsHandler(on: call.connection) { return call.run() }
    call.isHeld = true
    queue.holdStart(of: call)
    retryRelease(on: call.connection)
  }

  /// Whether a further handler may prepare an answer.
  private func allowsHandler(on connection: ServerConnection) -> Bool {
    guard !answers.hasHeld else { return false }
    guard let session = connection.session,
      session.outboundBytes > AnswerLimits.unblockedBytesMax
    else { return true }
    connection.writePending()
    return answers.allowsHandler(queuedBytes: session.outboundBytes)
  }

  func answerOrHold(_ call: UnaryServerCall, _ message: ByteBuffer) {
    if !answers.hasHeld, admits(message.readableBytes, of: call) { return call.answer(message) }
    answers.hold(message, of: call)
    retryRelease(on: call.connection)
  }

  private func admits(_ byteCount: Int, of call: UnaryServerCall) -> Bool {
    let connection = call.connection
    guard let session = connection.session, !call.stream.isClosed else { return true }
    if session.outboundBytes + byteCount <= AnswerLimits.unblockedBytesMax { return true }
    // What the socket takes now need not wait.
    connection.writePending()
    if connection.channel?.isWritable == true,
      answers.fits(
        byteCount, streamWindowBytes: session.sendWindowBytes(of: call.stream),
        connectionWindowBytes: session.sendWindowBytes, queuedBytes: session.outboundBytes)
    {
      return true
    }
    return answers.block(byteCount, of: call)
  }

  /// Called after bytes have left or streams have ended.
  func written(queuedBytes: Int, on connection: ServerConnection) {
    answers.account(queuedBytes: queuedBytes)
    if holdsCalls { release(on: connection) }
  }

  private func release(on connection: ServerConnection) {
    guard !isReleasing else { return }
    isReleasing = true
    defer { isReleasing = false }
    while let (call, message) = answers.firstHeld {
      guard call.phase == .answered || admits(message.readableBytes, of: call) else {
        return retryRelease(on: connection)
      }
      answers.removeFirstHeld()
      if call.phase == .running { call.answer(message) }
    }
    while allowsHandler(on: connection), let call = queue.takeUnstarted() {
      if call.phase == .receiving { call.run() }
    }
    if holdsCalls { retryRelease(on: connection) }
  }

  private func retryRelease(on connection: ServerConnection) {
    startRetry.arm(on: connection.eventLoop) {
      let gate = connection.gate
      gate.startRetry.fired()
      guard !connection.isClosing, gate.holdsCalls else { return }
      gate.release(on: connection)
      connection.setNeedsFlush()
    }
  }

  /// The connection has ended.
  func connectionEnded() {
    answers.account(queuedBytes: 0)
  }

  // MARK: Large and unfinished requests

  /// Tells the call, now or later, that what it wants is reserved.
  func reserve(for call: ServerCall) {
    if queue.reserve(for: call) { call.wasReserved() } else { retryReserve(on: call.connection) }
  }

  /// The call no longer needs what it wanted or has reserved.
  func release(_ call: ServerCall) {
    guard call.wantedBytes > 0 else { return }
    for next in queue.release(call) { next.wasReserved() }
    call.connection.setNeedsFlush()
  }

  private func retryReserve(on connection: ServerConnection) {
    reserveRetry.arm(on: connection.eventLoop) {
      let gate = connection.gate
      gate.reserveRetry.fired()
      for call in gate.queue.reserveWaiting() { call.wasReserved() }
      connection.setNeedsFlush()
      if gate.queue.hasUnreserved { gate.retryReserve(on: connection) }
    }
  }

  /// False when the call must end, because too much is unfinished.
  func addUnfinished(_ byteCount: Int, of call: ServerCall) -> Bool {
    queue.addUnfinished(byteCount, of: call)
  }

  /// The request is complete or given up.
  func finishRequest(of call: ServerCall) {
    if call.unfinishedBytes > 0 { queue.finish(call) }
  }
}
