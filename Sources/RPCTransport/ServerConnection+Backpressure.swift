internal import HTTP2
internal import NIOCore
internal import RPC

/// Unary calls of a connection that wait because their client doesn't read its answers.
///
/// An answer that fits its stream's window leaves at once and needs nobody's leave. Others share a
/// budget; beyond it finished answers are held, and while any is held no further handler starts: a
/// client that asks and doesn't read gets nothing prepared.
struct HeldCalls {
  /// Answers that wait in the session without a look at the windows.
  static let unblockedBytesMax = 64 << 10
  /// Answers in the session that their windows don't let out; one alone may be larger.
  static let blockedBytesMax = 512 << 10

  private(set) var blockedBytes = 0
  private var answers = CircularBuffer<(call: ServerCall, message: ByteBuffer)>()
  private var requests = CircularBuffer<(call: ServerCall, message: ReceivedMessage)>()

  var isEmpty: Bool { answers.isEmpty && requests.isEmpty }
  var hasAnswers: Bool { !answers.isEmpty }

  mutating func hold(_ call: ServerCall, _ answer: ByteBuffer) {
    answers.append((call, answer))
  }

  mutating func hold(_ call: ServerCall, _ request: ReceivedMessage) {
    requests.append((call, request))
  }

  mutating func block(_ call: ServerCall, _ byteCount: Int) -> Bool {
    guard blockedBytes == 0 || blockedBytes + byteCount <= Self.blockedBytesMax else {
      return false
    }
    blockedBytes += byteCount
    call.blockedBytes = byteCount
    return true
  }

  var firstAnswer: (call: ServerCall, message: ByteBuffer)? { answers.first }

  mutating func removeFirstAnswer() {
    answers.removeFirst()
  }

  mutating func takeRequest() -> (call: ServerCall, message: ReceivedMessage)? {
    requests.popFirst()
  }

  /// The call's stream is over.
  mutating func forget(_ call: ServerCall) {
    blockedBytes -= call.blockedBytes
    call.blockedBytes = 0
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
    }
  }

  private func admits(_ byteCount: Int, of call: ServerCall) -> Bool {
    guard let session, !call.stream.isClosed else { return true }
    if session.outboundBytes + byteCount <= HeldCalls.unblockedBytesMax { return true }
    // What the socket takes now need not wait.
    writePending()
    let waiting = session.outboundBytes - held.blockedBytes
    if session.sendWindowBytes(of: call.stream) >= byteCount,
      session.sendWindowBytes >= waiting + byteCount
    {
      return true
    }
    return held.block(call, byteCount)
  }

  /// Called after bytes have left or streams have ended.
  func releaseHeld() {
    guard !isReleasing else { return }
    isReleasing = true
    defer { isReleasing = false }
    while let (call, message) = held.firstAnswer {
      guard call.phase == .answered || admits(message.readableBytes, of: call) else { return }
      held.removeFirstAnswer()
      if call.phase == .running { answer(call, Result<ByteBuffer, RPCError>.success(message)) }
    }
    while !held.hasAnswers, let (call, message) = held.takeRequest() {
      if call.phase == .receiving { run(call, message) }
    }
  }
}
