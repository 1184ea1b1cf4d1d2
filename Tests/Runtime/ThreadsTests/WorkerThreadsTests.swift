import Dispatch
import Synchronization
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

  /// In which jobs were served.
  private final class Order: Sendable {
    private let served = Mutex<[String]>([])

    var names: [String] { served.withLock { $0 } }

    func append(_ name: String) { served.withLock { $0.append(name) } }
  }

  @Test func partiesTakeTurnsWhoeverCameFirst() async throws {
    let busy = await BusyWorker(queueLimit: 10)
    let order = Order()
    let workers = busy.workers
    var jobs: [Task<Void, any Error>] = []
    for name in ["a1", "a2", "a3", "b1", "c1", "b2"] {
      jobs.append(
        Task.immediate { @Sendable in
          try await workers.run(for: String(name.prefix(1))) { order.append(name) }
        })
    }
    _ = try await busy.letGo()
    for job in jobs { try await job.value }
    #expect(order.names == ["a1", "b1", "c1", "a2", "b2", "a3"])
    busy.workers.shutdown()
  }

  @Test func whoFillsTheQueueMakesRoomForWhoHasLess() async throws {
    let busy = await BusyWorker(queueLimit: 3)
    let workers = busy.workers
    var flood: [Task<Int, any Error>] = []
    for number in 1...3 {
      flood.append(
        Task.immediate { @Sendable in try await workers.run(for: "flood") { number } })
    }
    let honest = Task.immediate { @Sendable in try await workers.run(for: "honest") { 10 } }
    // The flood's last has lost its place; one more of it finds none.
    await #expect(throws: WorkerThreads.Refusal.overloaded) { try await flood[2].value }
    await #expect(throws: WorkerThreads.Refusal.overloaded) {
      try await busy.workers.run(for: "flood") { 4 }
    }
    #expect(try await busy.letGo() == 1)
    #expect(try await honest.value == 10)
    #expect(try await flood[0].value == 1)
    #expect(try await flood[1].value == 2)
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
