package import NIOCore
import Synchronization

/// Runs Swift tasks on an event loop, so that a handler stays on its connection's thread.
package final class LoopTaskExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  /// Executors live as long as the process: tasks refer to them without keeping them.
  private static let known = Mutex<[ObjectIdentifier: LoopTaskExecutor]>([:])

  private init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  package static func executor(of eventLoop: any EventLoop) -> LoopTaskExecutor {
    known.withLock { known in
      if let executor = known[ObjectIdentifier(eventLoop)] { return executor }
      let executor = LoopTaskExecutor(eventLoop)
      known[ObjectIdentifier(eventLoop)] = executor
      return executor
    }
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

extension EventLoop {
  /// Runs tasks on this loop: `Task(executorPreference: eventLoop.taskExecutor) { … }`.
  package var taskExecutor: any TaskExecutor { LoopTaskExecutor.executor(of: self) }
}
