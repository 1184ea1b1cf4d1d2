import RPC
import Testing

@testable import Outbox

/// How a batch is sent, without a database and without a log.
@Suite struct OutboxBatchTests {
  private static func row(_ position: Int, byteCount: Int = 1) -> OutboxBatch.Row {
    OutboxBatch.Row(position: position, event: Array(repeating: UInt8(position), count: byteCount))
  }

  /// Sends rows 0, 1, … to a log that answers some of them with an error of their own.
  private func deliver(
    count: Int, refusing codes: [Int: RPCError.Code]
  ) async -> (batch: OutboxBatch, sends: [[Int]]) {
    var batch = OutboxBatch((0..<count).map { Self.row($0) })
    var sends: [[Int]] = []
    await batch.deliver { (events: [[UInt8]]) throws(RPCError) in
      let positions = events.map { Int($0[0]) }
      sends.append(positions)
      if let code = positions.lazy.compactMap({ codes[$0] }).first { throw RPCError(code, "no") }
    }
    return (batch, sends)
  }

  @Test func oneMessageIsEnoughForAGoodBatch() async {
    let (batch, sends) = await deliver(count: 200, refusing: [:])
    #expect(sends == [Array(0..<200)])
    #expect(batch.delivered == Array(0..<200))
  }

  @Test func aBadRowIsFoundByHalving() async {
    let (batch, sends) = await deliver(count: 128, refusing: [77: .invalidArgument])
    #expect(batch.refused.map(\.row.position) == [77])
    #expect(batch.delivered == (0..<128).filter { $0 != 77 })
    #expect(sends.count == 1 + 2 * 7)
  }

  @Test func aRowThatTheLogFailsOnIsPutOffAndTheOthersAreDelivered() async {
    let (batch, _) = await deliver(count: 16, refusing: [3: .internal])
    #expect(batch.failed.map(\.row.position) == [3])
    #expect(batch.delivered.count == 15)
    #expect(!batch.isHeldUp)
  }

  @Test func aLogThatIsAwayIsNotAskedAgain() async {
    let (batch, sends) = await deliver(count: 128, refusing: [0: .unavailable])
    #expect(sends.count == 1)
    #expect(batch.isHeldUp)
    #expect(batch.delivered.isEmpty && batch.refused.isEmpty && batch.failed.isEmpty)
  }

  @Test func messagesStayBelowTheirSizeAndARowThatIsLargerIsRefused() async {
    let most = OutboxBatch.messageBytesMax
    var batch = OutboxBatch([
      Self.row(0, byteCount: most / 2), Self.row(1, byteCount: most / 2 + 1),
      Self.row(2, byteCount: most + 1), Self.row(3), Self.row(4, byteCount: most),
    ])
    var sends: [[Int]] = []
    await batch.deliver { (events: [[UInt8]]) throws(RPCError) in
      sends.append(events.map { Int($0[0]) })
    }
    #expect(sends == [[0], [1], [3], [4]])
    #expect(batch.delivered == [0, 1, 3, 4])
    #expect(batch.refused.map(\.row.position) == [2])
  }
}
