import FoundationEssentials
import Identity
import NIOCore
import Postgres
import Receipts
import Testing
import Vault

@testable import VaultServer

/// One user who takes too much is told so, and no other user notices.
@Suite struct ReceiptQueueTests {
  private let greedy = UserID(UUID())

  private static func receipt(
    of user: UserID, deadline: NIODeadline = .distantFuture
  ) -> WaitingReceipt {
    WaitingReceipt(
      Receipt(
        actor: .operator, action: .credentialResolve,
        target: Receipt.Target(type: "provider-config", id: ""), outcome: .success,
        origin: CallOrigin(), accountID: user),
      nil, if: nil, deadline: deadline)
  }

  private func full(_ queue: inout ReceiptQueue) throws {
    for _ in 0..<ReceiptQueue.waitingPerUserMax {
      try queue.append(Self.receipt(of: greedy))
    }
  }

  @Test func aUserWhoseShareIsFullIsRefusedAndOthersAreNot() throws {
    var queue = ReceiptQueue()
    try full(&queue)
    #expect(throws: VaultError.tooManyUses) { try queue.append(Self.receipt(of: greedy)) }
    for _ in 0..<100 { try queue.append(Self.receipt(of: UserID(UUID()))) }
    #expect(queue.count == ReceiptQueue.waitingPerUserMax + 100)
  }

  @Test func othersGoWithTheNextBatchHoweverMuchOneHasWaiting() throws {
    var queue = ReceiptQueue()
    try full(&queue)
    let others = (0..<100).map { _ in UserID(UUID()) }
    for other in others { try queue.append(Self.receipt(of: other)) }
    let batch = queue.takeBatch()
    #expect(batch.count == ReceiptQueue.batchReceiptsMax)
    #expect(Set(batch.compactMap(\.owner)).isSuperset(of: others))
  }

  @Test func roomThatNobodyElseWantsIsUsed() throws {
    var queue = ReceiptQueue()
    try full(&queue)
    #expect(queue.takeBatch().count == ReceiptQueue.batchReceiptsMax)
    #expect(queue.takeBatch().count == ReceiptQueue.batchReceiptsMax)
    #expect(queue.takeBatch().isEmpty)
  }

  @Test func everyReceiptGoesOnceAndItsPlaceIsGivenBack() throws {
    var queue = ReceiptQueue()
    try full(&queue)
    for _ in 0..<10 { try queue.append(Self.receipt(of: UserID(UUID()))) }
    var taken: [UUID] = []
    while true {
      let batch = queue.takeBatch()
      if batch.isEmpty { break }
      taken += batch.map(\.receipt.id)
    }
    #expect(taken.count == ReceiptQueue.waitingPerUserMax + 10)
    #expect(Set(taken).count == taken.count)
    try full(&queue)
  }

  @Test func whoLeavesGivesItsPlaceBack() throws {
    var queue = ReceiptQueue()
    try full(&queue)
    let gone = queue.takeExpired(at: .distantFuture)
    #expect(gone.count == ReceiptQueue.waitingPerUserMax)
    for _ in 0..<ReceiptQueue.waitingPerUserMax {
      let receipt = Self.receipt(of: greedy)
      try queue.append(receipt)
      receipt.outcome.finish(.failure(.cancelled))
    }
    queue.removeFinished()
    #expect(queue.isEmpty)
    try full(&queue)
  }
}
