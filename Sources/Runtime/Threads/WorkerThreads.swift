import Dispatch
import Synchronization

/// A fixed number of threads that serve a bounded queue of blocking jobs.
///
/// For work that keeps a processor or the kernel busy for long: Swift's cooperative pool has one
/// thread per processor.
package final class WorkerThreads: Sendable {
  /// Why a job was not taken.
  package enum Refusal: Error, Equatable {
    /// All threads are busy and the queue is full; try again later.
    case overloaded
    case shutDown
  }

  private struct Job: Sendable {
    let id: UInt64
    let work: @Sendable () -> Void
    let refuse: @Sendable (any Error) -> Void
  }

  private struct State {
    var waiting: [Job] = []
    var runningCount = 0
    var nextID: UInt64 = 0
    var isShutDown = false
  }

  /// What the threads share; it lives until the last of them has ended.
  private final class Shared: Sendable {
    let state = Mutex(State())
    /// Counts jobs put into the queue, and one for each thread at shutdown. A count whose job was
    /// cancelled only makes a thread look once more.
    let wakeUps = DispatchSemaphore(value: 0)

    func serve() {
      while let job = next() {
        job.work()
      }
    }

    /// To be called inside a job's work, before its caller resumes: a caller that comes straight
    /// back must find the place free.
    func finishedOne() {
      state.withLock { $0.runningCount -= 1 }
    }

    private func next() -> Job? {
      while true {
        wakeUps.wait()
        let (job, isShutDown) = state.withLock { state -> (Job?, Bool) in
          guard !state.waiting.isEmpty else { return (nil, state.isShutDown) }
          state.runningCount += 1
          return (state.waiting.removeFirst(), false)
        }
        if let job { return job }
        if isShutDown { return nil }
      }
    }
  }

  private let shared = Shared()
  private let threadCount: Int
  private let outstandingMax: Int

  /// Starts the threads; up to `queueLimit` jobs wait while all of
  /// them are busy.
  package init(count: Int, queueLimit: Int) {
    precondition(count >= 1 && queueLimit >= 0, "a pool needs a thread")
    threadCount = count
    outstandingMax = count + queueLimit
    for _ in 0..<count {
      let isStarted = OwnThread.start { [shared] in shared.serve() }
      guard isStarted else { fatalError("no thread for a pool of \(count)") }
    }
  }

  /// Runs `work` on one of the threads; throws what it throws, `.overloaded`, `.shutDown`, or
  /// `CancellationError` when cancelled before it began.
  package func run<Result: Sendable>(
    _ work: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    let id = shared.state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let job = Job(
          id: id,
          work: { [shared] in
            let result = Swift.Result { try work() }
            shared.finishedOne()
            continuation.resume(with: result)
          },
          refuse: { continuation.resume(throwing: $0) })
        enqueue(job)
        // The cancellation handler may have run before the job was there to be found.
        if Task.isCancelled { cancel(id) }
      }
    } onCancel: {
      cancel(id)
    }
  }

  /// Refuses waiting and later jobs; running ones end normally, then the threads do. Does not wait.
  package func shutdown() {
    let refused = shared.state.withLock { state -> [Job]? in
      guard !state.isShutDown else { return nil }
      state.isShutDown = true
      defer { state.waiting = [] }
      return state.waiting
    }
    guard let refused else { return }
    for job in refused { job.refuse(Refusal.shutDown) }
    for _ in 0..<threadCount { shared.wakeUps.signal() }
  }

  private func enqueue(_ job: Job) {
    let refusal = shared.state.withLock { state -> Refusal? in
      if state.isShutDown { return .shutDown }
      guard state.waiting.count + state.runningCount < outstandingMax else { return .overloaded }
      state.waiting.append(job)
      return nil
    }
    if let refusal { job.refuse(refusal) } else { shared.wakeUps.signal() }
  }

  private func cancel(_ id: UInt64) {
    let job = shared.state.withLock { state -> Job? in
      guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
      return state.waiting.remove(at: index)
    }
    job?.refuse(CancellationError())
  }
}
