import NIOCore
import Synchronization

/// What a call has of the budgets of its connection, in bytes; see `CallQueue`.
protocol BudgetedCall: AnyObject {
  /// Length of a large request, from when it is known until the call lets go of it.
  var wantedBytes: Int { get set }
  /// As much, once it may come; until then 0.
  var reservedBytes: Int { get set }
  /// What has arrived of a request that is not complete.
  var unfinishedBytes: Int { get set }
  /// An answer that can't leave, see `AnswerBudget`.
  var blockedBytes: Int { get set }
}

/// Calls of one connection that can't go on yet: handlers that wait to be started, and large
/// requests that wait for room.
///
/// A message that fits a stream's first window needs no permission. A larger one reserves its whole
/// length before its sender gets more credit, so that those that have it always complete: waiting
/// streams can't starve each other.
struct CallQueue<Call: BudgetedCall> {
  private let budgets: ServerBudgets
  private var unstarted = CircularBuffer<Call>()
  private var unreserved: [Call] = []
  /// This connection's parts of the budgets of all.
  private var reservedBytes = 0
  private var unfinishedBytes = 0

  init(_ budgets: ServerBudgets) {
    self.budgets = budgets
  }

  // MARK: Handlers

  var hasUnstarted: Bool { !unstarted.isEmpty }

  mutating func holdStart(of call: Call) {
    unstarted.append(call)
  }

  mutating func takeUnstarted() -> Call? { unstarted.popFirst() }

  /// The call's stream is over.
  mutating func forget(_ call: Call) {
    if !unstarted.isEmpty { unstarted.removeAll { $0 === call } }
  }

  // MARK: Large requests

  /// Some wait for what other connections give back.
  var hasUnreserved: Bool { !unreserved.isEmpty }

  private func fits(_ byteCount: Int) -> Bool {
    // One message of ordinary size is always let through: others must not starve this connection.
    if reservedBytes == 0, byteCount <= ServerBudgets.receiveAllowanceBytes { return true }
    return reservedBytes + byteCount <= ServerBudgets.receiveBytesMax
      && budgets.receiveBytes.load(ordering: .relaxed) + byteCount
        <= max(ServerBudgets.receiveBytesTotalMax, byteCount)
  }

  /// Reserves what `call` wants; false leaves it waiting until `release` or `reserveWaiting` names
  /// it.
  mutating func reserve(for call: Call) -> Bool {
    guard unreserved.isEmpty, fits(call.wantedBytes) else {
      unreserved.append(call)
      return false
    }
    grant(call)
    return true
  }

  private mutating func grant(_ call: Call) {
    reservedBytes += call.wantedBytes
    budgets.receiveBytes.add(call.wantedBytes, ordering: .relaxed)
    call.reservedBytes = call.wantedBytes
  }

  /// Takes a call out, whether it had a reservation or waited; returns those that have one now.
  mutating func release(_ call: Call) -> [Call] {
    if call.reservedBytes == 0 {
      guard call.wantedBytes > 0 else { return [] }
      unreserved.removeAll { $0 === call }
    }
    reservedBytes -= call.reservedBytes
    budgets.receiveBytes.subtract(call.reservedBytes, ordering: .relaxed)
    call.reservedBytes = 0
    call.wantedBytes = 0
    return reserveWaiting()
  }

  /// Those that have a reservation now; other connections may have given some back.
  mutating func reserveWaiting() -> [Call] {
    var granted: [Call] = []
    while let next = unreserved.first, fits(next.wantedBytes) {
      unreserved.removeFirst()
      grant(next)
      granted.append(next)
    }
    return granted
  }

  // MARK: Unfinished requests

  /// Requests that arrive slowly, or never whole, may not take much memory together; a connection
  /// that holds little of it is spared. False when the call must end.
  mutating func addUnfinished(_ byteCount: Int, of call: Call) -> Bool {
    call.unfinishedBytes += byteCount
    unfinishedBytes += byteCount
    let total = budgets.unfinishedBytes.add(byteCount, ordering: .relaxed).newValue
    return total <= budgets.unfinishedBytesTotalMax
      || unfinishedBytes <= ServerBudgets.unfinishedBytesAllowance
  }

  /// The request is complete or given up.
  mutating func finish(_ call: Call) {
    unfinishedBytes -= call.unfinishedBytes
    budgets.unfinishedBytes.subtract(call.unfinishedBytes, ordering: .relaxed)
    call.unfinishedBytes = 0
  }
}

/// What all connections of a server take together, in bytes, and what they may.
final class ServerBudgets: Sendable {
  /// What requests of more than a stream's window may take together, per connection.
  static let receiveBytesMax = 8 << 20
  /// The same on all connections together.
  static let receiveBytesTotalMax = 12 << 20
  /// A large request of no more than this may always come, one at a time on each connection.
  static let receiveAllowanceBytes = 1 << 20
  /// Unfinished requests that a connection may have however many others have.
  static let unfinishedBytesAllowance = 96 << 10

  /// Received bytes of unary requests that are not complete, on all connections; beyond it only
  /// those with little of it go on.
  let unfinishedBytesTotalMax: Int
  let unfinishedBytes = Atomic(0)
  /// What large requests have reserved, on all connections.
  let receiveBytes = Atomic(0)
  /// Body bytes in the queues of all connections.
  let queuedBytes = Atomic(0)
  /// Answers that can't leave, on all connections: see `AnswerBudget`.
  let blockedBytes = Atomic(0)

  init(unfinishedBytesTotalMax: Int) {
    self.unfinishedBytesTotalMax = unfinishedBytesTotalMax
  }
}
