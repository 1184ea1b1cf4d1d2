import Dispatch
import Synchronization

/// A fixed number of threads that serve a bounded queue of blocking jobs.
///
/// Jobs of several parties take turns: who brings many waits behind those who bring few, and when
/// the queue is full it is the one with most jobs in it who loses the last of them.
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
    let party: String
    let work: @Sendable () -> Void
    let refuse: @Sendable (any Error) -> Void
  }

  private struct State {
    /// The parties that wait, whose turn is next first; each is in it once.
    var turns: [String] = []
    /// In the order in which they came; none is empty.
    var waiting: [String: [Job]] = [:]
    var waitingCount = 0
    var runningCount = 0
    var nextID: UInt64 = 0
    var isShutDown = false

    mutating func append(_ job: Job) {
      if waiting[job.party] == nil { turns.append(job.party) }
      waiting[job.party, default: []].append(job)
      waitingCount += 1
    }

    /// The job whose turn it is.
    mutating func next() -> Job? {
      guard let party = turns.first else { return nil }
      turns.removeFirst()
      let job = waiting[party]?.removeFirst()
      waitingCount -= 1
      if waiting[party]?.isEmpty ?? true {
        waiting[party] = nil
      } else {
        turns.append(party)
      }
      return job
    }

    mutating func remove(_ id: UInt64) -> Job? {
      for (party, jobs) in waiting {
        guard let index = jobs.firstIndex(where: { $0.id == id }) else { continue }
        return remove(at: index, of: party)
      }
      return nil
    }

    /// The last job of whoever has most of them, if that is more than one above what `party` has.
    mutating func removeForFairness(to party: String) -> Job? {
      let most = waiting.max { ($0.value.count, $0.key) < ($1.value.count, $1.key) }
      guard let most, most.value.count > (waiting[party]?.count ?? 0) + 1 else { return nil }
      return remove(at: most.value.count - 1, of: most.key)
    }

    private mutating func remove(at index: Int, of party: String) -> Job? {
      let job = waiting[party]?.remove(at: index)
      waitingCount -= 1
      if waiting[party]?.isEmpty ?? true {
        waiting[party] = nil
        turns.removeAll { $0 == party }
      }
      return job
    }
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
          guard let job = state.next() else { return (nil, state.isShutDown) }
          state.runningCount += 1
          return (job, false)
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
  ///
  /// - Parameter party: whose job it is; parties take turns.
  package func run<Result: Sendable>(
    for party: String = "", _ work: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    let id = shared.state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let job = Job(
          id: id, party: party,
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
      defer {
        state.waiting = [:]
        state.turns = []
        state.waitingCount = 0
      }
      return state.waiting.values.flatMap { $0 }
    }
    guard let refused else { return }
    for job in refused { job.refuse(Refusal.shutDown) }
    for _ in 0..<threadCount { shared.wakeUps.signal() }
  }

  private func enqueue(_ job: Job) {
    let (refusal, loser) = shared.state.withLock { state -> (Refusal?, Job?) in
      if state.isShutDown { return (.shutDown, nil) }
      var loser: Job?
      if state.waitingCount + state.runningCount >= outstandingMax {
        loser = state.removeForFairness(to: job.party)
        if loser == nil { return (.overloaded, nil) }
      }
      state.append(job)
      return (nil, loser)
    }
    loser?.refuse(Refusal.overloaded)
    if let refusal { job.refuse(refusal) } else { shared.wakeUps.signal() }
  }

  private func cancel(_ id: UInt64) {
    let job = shared.state.withLock { $0.remove(id) }
    job?.refuse(CancellationError())
  }
}
