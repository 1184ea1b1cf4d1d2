import Dispatch
import Testing
import Threads

@Suite struct WorkerThreadsTests {
  /// One worker thread, kept busy until the test lets go of it.
  private final class BusyWorker: Sendable {
    let workers: WorkerThreads
    private let release = DispatchSemaphore(value: 0)
    private let running: Task<Int, any Error>

    init(queueLimit: Int) async {
      let workers = WorkerThreads(count: 1, queueLimit: queueLimit)
      self.workers = workers
      let (started, hasStarted) = AsyncStream.makeStream(of: Void.self)
      running = Task.immediate { [release] in
        try await workers.run {
          hasStarted.finish()
          release.wait()
          return 1
        }
      }
      for await _ in started {}
    }

    func letGo() async throws -> Int {
      release.signal()
      return try await running.value
    }
  }

  @Test func aFullQueueRefusesAtOnceAndServesAgainLater() async throws {
    let busy = await BusyWorker(queueLimit: 1)
    let waiting = Task.immediate { try await busy.workers.run { 2 } }
    await #expect(throws: WorkerThreads.Refusal.overloaded) { try await busy.workers.run { 3 } }

    #expect(try await busy.letGo() == 1)
    #expect(try await waiting.value == 2)
    #expect(try await busy.workers.run { 4 } == 4)
    busy.workers.shutdown()
  }

  @Test func aCancelledCallerLeavesTheQueueAndItsWorkIsNeverDone() async throws {
    let busy = await BusyWorker(queueLimit: 1)
    await confirmation(expectedCount: 0) { ran in
      let waiting = Task.immediate { try await busy.workers.run { ran() } }
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
    }
    // Its place is free again.
    let next = Task.immediate { try await busy.workers.run { 2 } }
    #expect(try await busy.letGo() == 1)
    #expect(try await next.value == 2)
    busy.workers.shutdown()
  }

  @Test func aCallerThatComesCancelledIsNotServed() async {
    let busy = await BusyWorker(queueLimit: 5)
    let task = Task.immediate {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await busy.workers.run { 9 }
    }
    await #expect(throws: CancellationError.self) { try await task.value }
    _ = try? await busy.letGo()
    busy.workers.shutdown()
  }

  @Test func shutdownRefusesWaitingAndLaterCallersButFinishesTheRunningOne() async throws {
    let busy = await BusyWorker(queueLimit: 5)
    let waiting = Task.immediate { try await busy.workers.run { 2 } }
    busy.workers.shutdown()
    busy.workers.shutdown()
    await #expect(throws: WorkerThreads.Refusal.shutDown) { try await waiting.value }
    await #expect(throws: WorkerThreads.Refusal.shutDown) { try await busy.workers.run { 3 } }
    #expect(try await busy.letGo() == 1)
  }
}
