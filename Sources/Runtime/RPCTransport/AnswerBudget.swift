import NIOCore
import Synchronization

/// What waits to leave on one connection because its client doesn't read.
///
/// An answer that fits the flow-control windows, and a socket that takes it, is sent at once and
/// not counted. Others share a budget of the connection and one of the process; beyond it finished
/// answers are held, and while any is held, or much waits in streams, no further handler starts: a
/// client that asks and doesn't read gets nothing prepared.
struct AnswerBudget<Call: BudgetedCall> {
  private let budgets: ServerBudgets
  private var held = CircularBuffer<(call: Call, message: ByteBuffer)>()
  private var blockedBytes = 0
  /// This connection's part of `ServerBudgets.queuedBytes`.
  private var accountedBytes = 0

  init(_ budgets: ServerBudgets) {
    self.budgets = budgets
  }

  // MARK: Held answers

  var hasHeld: Bool { !held.isEmpty }
  var firstHeld: (call: Call, message: ByteBuffer)? { held.first }

  mutating func hold(_ message: ByteBuffer, of call: Call) {
    held.append((call, message))
  }

  mutating func removeFirstHeld() {
    held.removeFirst()
  }

  /// The call's stream is over.
  mutating func forget(_ call: some BudgetedCall) {
    if call.blockedBytes > 0 {
      budgets.blockedBytes.subtract(call.blockedBytes, ordering: .relaxed)
      blockedBytes -= call.blockedBytes
      call.blockedBytes = 0
    }
    if !held.isEmpty { held.removeAll { ObjectIdentifier($0.call) == ObjectIdentifier(call) } }
  }

  // MARK: What may leave or wait

  /// Whether an answer leaves at once, as far as windows are concerned: `queuedBytes` waits in the
  /// session, and the windows are those of the answer's stream and of the connection.
  func fits(
    _ byteCount: Int, streamWindowBytes: Int, connectionWindowBytes: Int, queuedBytes: Int
  ) -> Bool {
    streamWindowBytes >= byteCount
      && connectionWindowBytes >= queuedBytes - blockedBytes + byteCount
  }

  /// Lets an answer wait in the session; false when it must be held.
  mutating func block(_ byteCount: Int, of call: Call) -> Bool {
    // One answer is always let through: what others do must not starve this connection.
    guard
      blockedBytes == 0
        || blockedBytes + byteCount <= AnswerLimits.blockedBytesMax
          && budgets.blockedBytes.load(ordering: .relaxed) + byteCount
            <= AnswerLimits.blockedBytesTotalMax
    else { return false }
    budgets.blockedBytes.add(byteCount, ordering: .relaxed)
    blockedBytes += byteCount
    call.blockedBytes = byteCount
    return true
  }

  /// Whether a further handler may prepare an answer while `queuedBytes` wait in the session.
  func allowsHandler(queuedBytes: Int) -> Bool {
    queuedBytes <= AnswerLimits.unblockedBytesMax
      || queuedBytes <= AnswerLimits.queuedBytesMax
        && budgets.queuedBytes.load(ordering: .relaxed) <= AnswerLimits.queuedBytesTotalMax
  }

  /// Tells all connections what waits on this one.
  mutating func account(queuedBytes: Int) {
    guard queuedBytes != accountedBytes else { return }
    budgets.queuedBytes.add(queuedBytes - accountedBytes, ordering: .relaxed)
    accountedBytes = queuedBytes
  }
}

enum AnswerLimits {
  /// Answers that wait in the session without a look at the windows.
  static let unblockedBytesMax = 64 << 10
  /// Answers in the session that can't leave; one alone may be larger.
  static let blockedBytesMax = 256 << 10
  /// The same on all connections together.
  static let blockedBytesTotalMax = 6 << 20
  /// Bytes in a session's queues beyond which no further handler starts: some streams with slow
  /// readers are no reason.
  static let queuedBytesMax = 1 << 20
  /// Bytes in all queues beyond which handlers start only on connections that have little waiting.
  static let queuedBytesTotalMax = 4 << 20
}
