import FoundationEssentials
import Identity
import Logging
import Postgres
import Protobuf
import RPC
import ServiceAPI
import ServiceLifecycle
import Synchronization

/// Answers WatchRevocations from the database, which every process of `auth` shares.
///
/// Nothing waits in a queue: each call looks for itself, and a watcher that is slow to take an
/// answer is told less often, sees that by `known_until`, and asks for each credential meanwhile.
final class RevocationFeed: Service {
  /// From one answer to the next look.
  static let interval: Duration = .milliseconds(200)
  /// Calls that may be open at once; more are refused with RESOURCE_EXHAUSTED.
  static let watchersMax = 64
  /// How long revocations are remembered at least.
  static let memory: Duration = .seconds(600)
  /// How often older ones are deleted.
  static let forgettingInterval: Duration = .seconds(60)

  private struct State {
    var watcherCount = 0
    var isDraining = false
  }

  private let postgres: PostgresClient
  private let logger: Logger
  private let state = Mutex(State())

  init(postgres: PostgresClient, logger: Logger) {
    self.postgres = postgres
    self.logger = logger
  }

  /// Calls that are open.
  var watcherCount: Int { state.withLock { $0.watcherCount } }

  /// Tells `write` what was revoked after `position`, again and again, until the call or the
  /// service ends.
  func watch(
    after position: Int64,
    _ write: (AuthAPI.WatchRevocationsResponse) async throws(RPCError) -> Void
  ) async throws {
    let begin = ContinuousClock.now
    try admit()
    defer { state.withLock { $0.watcherCount -= 1 } }
    var reader = RevocationReader(postgres: postgres, after: position)
    while true {
      let asked = ContinuousClock.now
      try await write(
        AuthAPI.WatchRevocationsResponse(
          try await read(&reader), knownUntil: begin.duration(to: asked)))
      try await Task.sleep(for: Self.interval)
      guard !state.withLock({ $0.isDraining }) else { throw Self.drained }
    }
  }

  private static let drained = RPCError(.unavailable, "the server is shutting down")

  private func admit() throws(RPCError) {
    let refusal = state.withLock { state -> RPCError? in
      guard !state.isDraining else { return Self.drained }
      guard state.watcherCount < Self.watchersMax else {
        return RPCError(.resourceExhausted, "too many watchers")
      }
      state.watcherCount += 1
      return nil
    }
    if let refusal { throw refusal }
  }

  private func read(_ reader: inout RevocationReader) async throws(RPCError) -> RevocationReading {
    do {
      return try await reader.read()
    } catch {
      throw RPCError(
        .unavailable, "revocations can't be read; try again later", detail: "\(error)")
    }
  }

  /// Deletes what is old, and ends all calls when the service is told to stop: they would hold up
  /// the drain.
  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        do {
          try await RevocationReader.forget(olderThan: Self.memory, in: self.postgres)
        } catch {
          self.logger.warning(
            "old revocations could not be deleted", metadata: ["error": "\(error)"])
        }
        try await Task.sleep(for: Self.forgettingInterval)
      }
    }
    state.withLock { $0.isDraining = true }
  }
}

extension AuthAPI.WatchRevocationsResponse {
  init(_ reading: RevocationReading, knownUntil: Duration) {
    self.init(
      position: reading.position, knownUntil: ProtoDuration(knownUntil),
      isIncomplete: reading.isIncomplete,
      revocations: reading.revocations.map { revocation in
        AuthAPI.Revocation(
          accountId: revocation.accountID.text,
          credentialId: revocation.credentialID?.text ?? "")
      })
  }
}
