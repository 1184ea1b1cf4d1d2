internal import HTTP2
internal import NIOCore
internal import RPC
internal import Synchronization

/// Calls of a connection that wait because their client doesn't read its answers.
///
/// An answer that fits its windows, and a socket that takes it, needs nobody's leave. Others share a
/// budget of the connection and one of the process; beyond it finished answers are held, and while
/// any is held, or much waits in streams, no further handler starts: a client that asks and doesn't
/// read gets nothing prepared.
struct HeldCalls {
  /// Answers that wait in the session without a look at the windows.
  static let unblockedBytesMax = 64 << 10
  /// Answers in the session that can't leave; one alone may be larger.
  static let blockedBytesMax = 256 << 10
  /// The same on all connections together.
  static let blockedBytesTotalMax = 6 << 20
  /// Bytes in a session's queues beyond which no further handler starts: some streams with slow
  /// readers are nobody's fault.
  static let queuedBytesMax = 1 << 20
  /// Bytes in all queues beyond which handlers start only on connections that have little waiting.
  static let queuedBytesTotalMax = 4 << 20
  /// How often calls look again that wait for other connections.
  static let retryInterval = TimeAmount.milliseconds(100)

  private(set) var blockedBytes = 0
  private var answers = CircularBuffer<(call: ServerCall, message: ByteBuffer)>()
  private var requests = CircularBuffer<(call: ServerCall, message: ReceivedMessage?)>()

  var isEmpty: Bool { answers.isEmpty && requests.isEmpty }
  var hasAnswers: Bool { !answers.isEmpty }

  mutating func hold(_ call: ServerCall, _ answer: ByteBuffer) {
    answers.append((call, answer))
  }

  /// Without a request the call is a streaming one.
  mutating func hold(_ call: ServerCall, request: ReceivedMessage?) {
    requests.append((call, request))
  }

  mutating func block(_ call: ServerCall, _ byteCount: Int, total: borrowing Atomic<Int>) -> Bool {
    // One answer is always let through: what others do must not starve this connection.
    guard
      blockedBytes == 0
        || blockedBytes + byteCount <= Self.blockedBytesMax
          && total.load(ordering: .relaxed) + byteCount <= Self.blockedBytesTotalMax
    else { return false }
    total.add(byteCount, ordering: .relaxed)
    blockedBytes += byteCount
    call.blockedBytes = byteCount
    return true
  }

  var firstAnswer: (call: ServerCall, message: ByteBuffer)? { answers.first }

  mutating func removeFirstAnswer() {
    answers.removeFirst()
  }

  mutating func takeRequest() -> (call: ServerCall, message: ReceivedMessage?)? {
    requests.popFirst()
  }

  /// The call's stream is over.
  mutating func forget(_ call: ServerCall, total: borrowing Atomic<Int>) {
    if call.blockedBytes > 0 {
      total.subtract(call.blockedBytes, ordering: .relaxed)
      blockedBytes -= call.blockedBytes
      call.blockedBytes = 0
    }
    guard !isEmpty else { return }
    answers.removeAll { $0.call === call }
    requests.removeAll { $0.call === call }
  }
}

extension ServerConnection {
  func answerOrHold(_ call: ServerCall, _ result: Result<ByteBuffer, RPCError>) {
    guard case .success(let message) = result else { return answer(call, result) }
    if !held.hasAnswers, admits(message.readableBytes, of: call) {
      answer(call, result)
    } else {
      held.hold(call, message)
      retryHeld()
    }
  }

  private func admits(_ byteCount: Int, of call: ServerCall) -> Bool {
    guard let session, !call.stream.isClosed else { return true }
    if session.outboundBytes + byteCount <= HeldCalls.unblockedBytesMax { return true }
    // What the socket takes now need not wait.
    writePending()
    let waiting = session.outboundBytes - held.blockedBytes
    if channel.isWritable, session.sendWindowBytes(of: call.stream) >= byteCount,
      session.sendWindowBytes >= waiting + byteCount
    {
      return true
    }
    return held.block(call, byteCount, total: shared.blockedBytes)
  }

  /// Whether a further handler may prepare an answer.
  func mayStartHandler() -> Bool {
    guard !held.hasAnswers else { return false }
    guard let session, session.outboundBytes > HeldCalls.unblockedBytesMax else { return true }
    writePending()
    let queued = session.outboundBytes
    return queued <= HeldCalls.unblockedBytesMax
      || queued <= HeldCalls.queuedBytesMax
        && shared.queuedBytes.load(ordering: .relaxed) <= HeldCalls.queuedBytesTotalMax
  }

  /// Tells all connections what waits on this one.
  func accountQueued() {
    let queued = isClosing ? 0 : session?.outboundBytes ?? 0
    guard queued != accountedBytes else { return }
    shared.queuedBytes.add(queued - accountedBytes, ordering: .relaxed)
    accountedBytes = queued
  }

  func hold(_ call: ServerCall, request: ReceivedMessage?) {
    held.hold(call, request: request)
    retryHeld()
  }

  /// Looks again after a while: what is waited for may happen on other connections.
  private func retryHeld() {
    guard !isRetryScheduled else { return }
    isRetryScheduled = true
    eventLoop.scheduleTask(in: HeldCalls.retryInterval) {
      self.isRetryScheduled = false
      guard !self.isClosing, !self.held.isEmpty else { return }
      self.releaseHeld()
      self.setNeedsFlush()
    }
  }

  /// Called after bytes have left or streams have ended.
  func releaseHeld() {
    guard !isReleasing else { return }
    isReleasing = true
    defer { isReleasing = false }
    while let (call, message) = held.firstAnswer {
      guard call.phase == .answered || admits(message.readableBytes, of: call) else {
        return retryHeld()
      }
      held.removeFirstAnswer()
      if call.phase == .running { answer(call, Result<ByteBuffer, RPCError>.success(message)) }
    }
    while mayStartHandler(), let (call, message) = held.takeRequest() {
      guard call.phase == .receiving else { continue }
      if let message { run(call, message) } else { runStreaming(call) }
    }
    if !held.isEmpty { retryHeld() }
  }
}
