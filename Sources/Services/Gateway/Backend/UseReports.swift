package import Logging
import Pacing
import RPC
package import ServiceAPI
import ServiceLifecycle
import Synchronization

/// How uses of keys ended, on their way to the vault, which puts them into the log.
///
/// Telling of an end waits for nothing. What has not been sent when the process dies is lost; the
/// log then has the resolve and no end.
package final class UseReports: Sendable {
  /// Ends that may wait; more are not told of, and counted in the log.
  static let waitingMax = 16_384
  /// Of one call; the vault takes as many.
  static let batchMax = 256

  private struct State {
    var waiting: [VaultAPI.UseEnd] = []
    var lostCount = 0
    var isFinished = false
  }

  private let state = Mutex(State())
  /// For the one reporter; announcements that pile up count as one.
  let arrivals: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() {
    (arrivals, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Leaves an end to be sent.
  package func add(_ end: VaultAPI.UseEnd) {
    let isFirst = state.withLock { state in
      guard state.waiting.count < Self.waitingMax else {
        state.lostCount += 1
        return false
      }
      state.waiting.append(end)
      return state.waiting.count == 1
    }
    if isFirst { continuation.yield() }
  }

  /// Whether the process is about to end.
  var isFinished: Bool { state.withLock { $0.isFinished } }

  /// Says that no more will come.
  func finish() {
    state.withLock { $0.isFinished = true }
    continuation.finish()
  }

  /// The oldest ends that wait, and how many had no room since this was last asked.
  func take() -> (batch: [VaultAPI.UseEnd], lostCount: Int) {
    state.withLock { state in
      let batch = Array(state.waiting.prefix(Self.batchMax))
      state.waiting.removeFirst(batch.count)
      defer { state.lostCount = 0 }
      return (batch, state.lostCount)
    }
  }
}

/// Sends what `UseReports` hold, in batches; when told to stop, what is left first.
package struct UseReporter: Service {
  /// Between the first end of a batch and its call, for others to share it.
  static let gatherTime: Duration = .milliseconds(100)
  static let callTimeout: Duration = .seconds(5)
  static let backoff = Backoff.doubling(from: .milliseconds(100), to: .seconds(10))
  /// Attempts that are made for a batch once the process is about to end.
  static let lastAttemptsMax = 3

  private let reports: UseReports
  private let vault: VaultAPI.VaultClient
  private let logger: Logger

  package init(_ services: Services, logger: Logger) {
    reports = services.uses
    vault = services.vault
    self.logger = logger
  }

  package func run() async throws {
    await withGracefulShutdownHandler {
      for await _ in reports.arrivals {
        // Ends early only when there is nothing to wait for any more.
        try? await Task.sleep(for: Self.gatherTime)
        await sendAll()
      }
      await sendAll()
    } onGracefulShutdown: {
      reports.finish()
    }
  }

  private func sendAll() async {
    while !Task.isCancelled {
      let (batch, lostCount) = reports.take()
      if lostCount > 0 { warn("more uses ended than could be told of", lostCount, nil) }
      guard !batch.isEmpty else { return }
      await send(batch)
    }
  }

  private func send(_ batch: [VaultAPI.UseEnd]) async {
    var failures = 0
    while true {
      do throws(RPCError) {
        let answer = try await vault.recordUses(
          VaultAPI.RecordUsesRequest(uses: batch), options: CallOptions(timeout: Self.callTimeout))
        if answer.refused > 0 { warn("the vault knows nothing of uses", Int(answer.refused), nil) }
        return
      } catch {
        failures += 1
        if failures == 1 {
          warn("the ends of uses wait: the vault didn't take them", batch.count, error)
        }
        let isLast = reports.isFinished && failures >= Self.lastAttemptsMax
        guard error.mayPass, !isLast, await pause(afterFailures: failures) else {
          return warn("the ends of uses are lost", batch.count, error)
        }
      }
    }
  }

  /// False when the task was cancelled.
  private func pause(afterFailures failures: Int) async -> Bool {
    do {
      try await Task.sleep(for: Self.backoff.wait(afterFailures: failures))
      return true
    } catch {
      return false
    }
  }

  private func warn(_ message: Logger.Message, _ count: Int, _ error: RPCError?) {
    var metadata: Logger.Metadata = ["uses": "\(count)"]
    if let error { metadata["error"] = "\(error)" }
    logger.warning(message, metadata: metadata)
  }
}

extension RPCError {
  /// Whether the same call may succeed later.
  fileprivate var mayPass: Bool {
    switch code {
    case .invalidArgument, .outOfRange, .failedPrecondition, .alreadyExists, .notFound,
      .permissionDenied, .unimplemented, .unauthenticated:
      false
    default: true
    }
  }
}
