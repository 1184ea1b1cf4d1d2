import Dispatch
import Testing
import Threads

@Suite struct OwnThreadTests {
  @Test func workThatBlocksHoldsUpNoOther() async throws {
    let isDone = DispatchSemaphore(value: 0)
    let blocked = (1...32).map { number in
      Task.immediate {
        try await OwnThread.run {
          isDone.wait()
          return number
        }
      }
    }
    // Far more than the concurrency pool has threads; this one runs all the same.
    try await OwnThread.run { for _ in blocked { isDone.signal() } }
    for (index, task) in blocked.enumerated() { #expect(try await task.value == index + 1) }
  }

  @Test func whatTheWorkThrowsReachesTheCaller() async {
    struct Failure: Error {}
    await #expect(throws: Failure.self) { try await OwnThread.run { throw Failure() } }
  }
}
