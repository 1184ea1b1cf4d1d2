import FoundationEssentials
package import Logging
import Pacing
import Protobuf
import RPC
import ServiceAPI
import ServiceLifecycle
import Synchronization

/// Keeps a stream of revocations from `auth` open, for `KnownCredentials` to rely on.
package final class RevocationWatch: Service {
  /// How long one call lasts: two clocks that run apart have little time to.
  static let callTimeout: Duration = .seconds(300)
  /// After so much silence the stream is given up, whatever the connection says.
  static let silenceMax: Duration = .seconds(3)
  static let backoff = Backoff.doubling(from: .milliseconds(50), to: .seconds(2))

  private struct Progress {
    /// Where the next call goes on, so that requests which run meanwhile end with their credential.
    var position: Int64 = 0
    var lastHeard = ContinuousClock.now
    var answerCount = 0
  }

  /// Why a call was given up or is over.
  private enum End: Error { case silent, finished }

  private let auth: AuthAPI.AuthClient
  private let credentials: KnownCredentials
  private let logger: Logger
  private let silenceMax: Duration
  private let progress = Mutex(Progress())

  package convenience init(_ services: Services, logger: Logger) {
    self.init(services, silenceMax: Self.silenceMax, logger: logger)
  }

  init(_ services: Services, silenceMax: Duration, logger: Logger) {
    auth = services.auth
    credentials = services.credentials
    self.silenceMax = silenceMax
    self.logger = logger
  }

  package func run() async throws {
    try? await cancelWhenGracefulShutdown { try await self.watch() }
  }

  private func watch() async throws {
    var failures = 0
    while true {
      let before = progress.withLock { $0.answerCount }
      do {
        try await follow()
      } catch {
        credentials.streamHasEnded()
        try Task.checkCancellation()
        failures = progress.withLock { $0.answerCount > before } ? 1 : failures + 1
        // One end is ordinary: a call has its time, and `auth` may be replaced.
        logger.log(
          level: failures == 2 ? .warning : .debug,
          "revocations can't be heard: auth is asked for each request",
          metadata: ["error": "\(error)"])
      }
      try await Task.sleep(for: Self.backoff.wait(afterFailures: failures))
    }
  }

  /// Hears one call; always throws.
  private func follow() async throws {
    // Before the call is made: `auth` counts from when it arrives.
    let begin = ContinuousClock.now
    let position = progress.withLock { progress in
      progress.lastHeard = begin
      return progress.position
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        let request = AuthAPI.WatchRevocationsRequest(afterPosition: position)
        try await self.auth.watchRevocations(
          request, options: CallOptions(timeout: Self.callTimeout, waitForReady: true)
        ) { answers in
          while let answer = try await answers.next() { self.hear(answer, since: begin) }
        }
        throw End.finished
      }
      group.addTask {
        while true {
          let lastHeard = self.progress.withLock { $0.lastHeard }
          let left = self.silenceMax - lastHeard.duration(to: .now)
          guard left > .zero else { throw End.silent }
          try await Task.sleep(for: left)
        }
      }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private func hear(
    _ answer: AuthAPI.WatchRevocationsResponse, since begin: ContinuousClock.Instant
  ) {
    credentials.hear(answer, since: begin)
    progress.withLock { progress in
      progress.position = answer.position
      progress.lastHeard = .now
      progress.answerCount += 1
    }
  }
}
