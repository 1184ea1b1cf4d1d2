import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import HTTP2
@testable import RPCTransport

/// The macro would copy what changes in its argument.
private func expect(_ value: Bool, location: SourceLocation = #_sourceLocation) {
  #expect(value, sourceLocation: location)
}

/// A call, as far as budgets look at it.
private final class SomeCall: BudgetedCall {
  var wantedBytes: Int
  var reservedBytes = 0
  var unfinishedBytes = 0
  var blockedBytes = 0

  init(wants wantedBytes: Int = 0) { self.wantedBytes = wantedBytes }
}

@Suite struct CallQueueTests {
  private let budgets = ServerBudgets(unfinishedBytesTotalMax: 1 << 20)

  @Test func handlersStartInTheOrderInWhichTheyCame() {
    var queue = CallQueue<SomeCall>(budgets)
    let calls = (0..<3).map { _ in SomeCall() }
    for call in calls { queue.holdStart(of: call) }
    queue.forget(calls[1])
    expect(queue.takeUnstarted() === calls[0])
    expect(queue.takeUnstarted() === calls[2])
    #expect(!queue.hasUnstarted)
  }

  @Test func largeRequestsWaitForEachOtherAndPassOnWhatTheyReserved() {
    var queue = CallQueue<SomeCall>(budgets)
    let first = SomeCall(wants: ServerBudgets.receiveBytesMax)
    let second = SomeCall(wants: 1)
    expect(queue.reserve(for: first))
    expect(!queue.reserve(for: second))
    #expect(queue.hasUnreserved)
    expect(queue.reserveWaiting().isEmpty)
    expect(queue.release(first).map(ObjectIdentifier.init) == [ObjectIdentifier(second)])
    #expect(second.reservedBytes == 1)
    expect(queue.release(second).isEmpty)
    #expect(budgets.receiveBytes.load(ordering: .relaxed) == 0)
  }

  @Test func whatOthersHaveReservedNeverKeepsAwayAnOrdinaryRequest() {
    budgets.receiveBytes.store(ServerBudgets.receiveBytesTotalMax, ordering: .relaxed)
    var queue = CallQueue<SomeCall>(budgets)
    expect(queue.reserve(for: SomeCall(wants: ServerBudgets.receiveAllowanceBytes)))
    expect(!queue.reserve(for: SomeCall(wants: 1)))
  }

  @Test func aCallThatStillWaitsCanBeReleased() {
    var queue = CallQueue<SomeCall>(budgets)
    let first = SomeCall(wants: ServerBudgets.receiveBytesMax)
    let second = SomeCall(wants: 1)
    _ = queue.reserve(for: first)
    _ = queue.reserve(for: second)
    expect(queue.release(second).isEmpty)
    #expect(!queue.hasUnreserved)
    #expect(second.wantedBytes == 0)
  }

  @Test func unfinishedRequestsEndBeyondTheBudgetButNotOnAConnectionWithLittleOfThem() {
    var greedy = CallQueue<SomeCall>(budgets)
    var modest = CallQueue<SomeCall>(budgets)
    let call = SomeCall()
    expect(greedy.addUnfinished(budgets.unfinishedBytesTotalMax, of: call))
    expect(!greedy.addUnfinished(1, of: call))
    expect(modest.addUnfinished(ServerBudgets.unfinishedBytesAllowance, of: SomeCall()))
    greedy.finish(call)
    #expect(call.unfinishedBytes == 0)
    #expect(
      budgets.unfinishedBytes.load(ordering: .relaxed) == ServerBudgets.unfinishedBytesAllowance)
  }
}

@Suite struct AnswerBudgetTests {
  private let budgets = ServerBudgets(unfinishedBytesTotalMax: 0)

  @Test func oneAnswerMayAlwaysWaitAndOthersWithinTheBudget() {
    var answers = AnswerBudget<SomeCall>(budgets)
    let large = SomeCall()
    expect(answers.block(2 * AnswerLimits.blockedBytesMax, of: large))
    expect(!answers.block(1, of: SomeCall()))
    answers.forget(large)
    #expect(budgets.blockedBytes.load(ordering: .relaxed) == 0)
    expect(answers.block(AnswerLimits.blockedBytesMax - 1, of: SomeCall()))
    expect(answers.block(1, of: SomeCall()))
    expect(!answers.block(1, of: SomeCall()))
  }

  @Test func blockedAnswersDoNotCountAgainstTheWindow() {
    var answers = AnswerBudget<SomeCall>(budgets)
    #expect(
      !answers.fits(10, streamWindowBytes: 10, connectionWindowBytes: 10, queuedBytes: 5))
    _ = answers.block(5, of: SomeCall())
    expect(answers.fits(10, streamWindowBytes: 10, connectionWindowBytes: 10, queuedBytes: 5))
    expect(!answers.fits(10, streamWindowBytes: 9, connectionWindowBytes: 10, queuedBytes: 5))
  }

  @Test func handlersWaitWhileMuchIsQueuedHereOrEverywhere() {
    var answers = AnswerBudget<SomeCall>(budgets)
    expect(answers.allowsHandler(queuedBytes: AnswerLimits.queuedBytesMax))
    expect(!answers.allowsHandler(queuedBytes: AnswerLimits.queuedBytesMax + 1))
    answers.account(queuedBytes: AnswerLimits.queuedBytesTotalMax + 1)
    expect(!answers.allowsHandler(queuedBytes: AnswerLimits.unblockedBytesMax + 1))
    expect(answers.allowsHandler(queuedBytes: AnswerLimits.unblockedBytesMax))
    answers.account(queuedBytes: 0)
    #expect(budgets.queuedBytes.load(ordering: .relaxed) == 0)
  }

  @Test func heldAnswersKeepTheirOrderWithoutThoseWhoseStreamIsOver() {
    var answers = AnswerBudget<SomeCall>(budgets)
    let calls = (0..<2).map { _ in SomeCall() }
    for call in calls { answers.hold(ByteBuffer(), of: call) }
    answers.forget(calls[0])
    #expect(answers.firstHeld?.call === calls[1])
    answers.removeFirstHeld()
    #expect(!answers.hasHeld)
  }
}

@Suite struct HTTPRefusalsTests {
  private let loop = EmbeddedEventLoop()

  private func hold(
    _ id: Int32, in refusals: inout HTTPRefusals, bodyBytesMax: Int = 10
  ) -> Scheduled<Void> {
    let timer = loop.scheduleTask(in: HTTPRefusals.requestTimeout) {}
    refusals.hold(
      HTTPRefusal(HTTP2Stream(id: id), HeaderBlock(), status: "415", reason: "no"),
      bodyBytesMax: bodyBytesMax, timer: timer)
    return timer
  }

  @Test func aRefusalIsDueWhenItsRequestIsTooLongAndOnlyOnce() {
    var refusals = HTTPRefusals()
    _ = hold(1, in: &refusals)
    guard case .notRefused = refusals.bodyArrived(1, on: 3) else {
      Issue.record("stream 3")
      return
    }
    guard case .taken = refusals.bodyArrived(9, on: 1) else {
      Issue.record("9 bytes")
      return
    }
    guard case .tooLong(let refusal) = refusals.bodyArrived(1, on: 1) else {
      Issue.record("10 bytes")
      return
    }
    #expect(refusal.status == "415")
    #expect(refusals.remove(1) == nil)
  }

  @Test func theTimerEndsWithTheRefusal() async {
    var refusals = HTTPRefusals()
    let timer = hold(1, in: &refusals)
    #expect(refusals.remove(1)?.stream.id == 1)
    await #expect(throws: EventLoopError.self) { try await timer.futureResult.get() }
  }
}
