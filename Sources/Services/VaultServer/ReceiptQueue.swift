import Identity
import NIOCore
import Postgres
import Receipts
import Vault

/// A receipt that waits for its batch, and its call.
final class WaitingReceipt: Sendable {
  let receipt: Receipt
  let use: ConfigUse?
  /// What must hold for it to be written; nil for what is written in any case.
  let precondition: ConfigPrecondition?
  /// When it leaves the queue.
  let deadline: NIODeadline
  /// True when it was committed, false when its precondition doesn't hold.
  let outcome = Promise<Bool, VaultError>(cancelled: .cancelled)

  init(
    _ receipt: Receipt, _ use: ConfigUse?, if precondition: ConfigPrecondition?,
    deadline: NIODeadline
  ) {
    self.receipt = receipt
    self.use = use
    self.precondition = precondition
    self.deadline = deadline
  }

  /// Whose share it takes: the account's. What concerns no account has a share of its own.
  var owner: UserID? { receipt.accountID }
}

/// Receipts that wait for their batch, in order of their deadlines, of each user no more than a
/// share. Not safe to share: its owner has a lock.
struct ReceiptQueue {
  /// Receipts that may wait; one more is refused.
  static let waitingMax = 4_096
  /// Receipts of one user that may wait: an eighth, so that nobody can keep the others out.
  static let waitingPerUserMax = 512
  /// Receipts of one transaction.
  static let batchReceiptsMax = 256
  /// Receipts of one user in a transaction that others wait for too.
  static let batchReceiptsPerUserMax = 64

  private var waiting: [WaitingReceipt] = []
  private var counts: [UserID?: Int] = [:]

  var count: Int { waiting.count }
  var isEmpty: Bool { waiting.isEmpty }
  var firstDeadline: NIODeadline? { waiting.first?.deadline }

  /// Takes a receipt in; throws `.overloaded`, or `.tooManyUses` when the user's share is full.
  mutating func append(_ receipt: WaitingReceipt) throws(VaultError) {
    guard waiting.count < Self.waitingMax else { throw .overloaded }
    guard counts[receipt.owner, default: 0] < Self.waitingPerUserMax else { throw .tooManyUses }
    counts[receipt.owner, default: 0] += 1
    waiting.append(receipt)
  }

  /// Removes receipts whose calls have left.
  mutating func removeFinished() {
    remove { $0.outcome.isFinished }
  }

  /// Removes and returns what has waited long enough.
  mutating func takeExpired(at now: NIODeadline) -> [WaitingReceipt] {
    remove { $0.deadline <= now }
  }

  /// Removes and returns the receipts of the next transaction: the oldest of each user's share,
  /// and what else there is room for.
  mutating func takeBatch() -> [WaitingReceipt] {
    removeFinished()
    guard waiting.count > Self.batchReceiptsMax else {
      defer {
        waiting = []
        counts = [:]
      }
      return waiting
    }
    let chosen = chooseBatch()
    var index = -1
    return remove { _ in
      index += 1
      return chosen[index]
    }
  }

  private func chooseBatch() -> [Bool] {
    var chosen = [Bool](repeating: false, count: waiting.count)
    var room = Self.batchReceiptsMax
    var taken: [UserID?: Int] = [:]
    for (index, receipt) in waiting.enumerated() where room > 0 {
      guard taken[receipt.owner, default: 0] < Self.batchReceiptsPerUserMax else { continue }
      taken[receipt.owner, default: 0] += 1
      chosen[index] = true
      room -= 1
    }
    for index in chosen.indices where room > 0 && !chosen[index] {
      chosen[index] = true
      room -= 1
    }
    return chosen
  }

  /// Asks of each in turn; what is left keeps its order.
  @discardableResult
  private mutating func remove(
    where isRemoved: (WaitingReceipt) -> Bool
  ) -> [WaitingReceipt] {
    var removed: [WaitingReceipt] = []
    waiting.removeAll { receipt in
      guard isRemoved(receipt) else { return false }
      removed.append(receipt)
      return true
    }
    for receipt in removed {
      let count = counts[receipt.owner, default: 0] - 1
      counts[receipt.owner] = count > 0 ? count : nil
    }
    return removed
  }
}
