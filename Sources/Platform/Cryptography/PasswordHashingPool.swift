import Threads

/// Runs a `PasswordHasher` on a few threads of its own, so that no event loop ever waits for one
/// and memory stays within threads x 19 MiB.
///
/// A cancelled caller leaves the queue at once with `CancellationError`; a hash that has begun runs
/// to its end. Releasing the pool shuts it down.
package final class PasswordHashingPool: Sendable {
  package static let threadCountDefault = 2
  package static let queueLimitDefault = 64

  private let hasher: PasswordHasher
  private let workers: WorkerThreads

  /// The constant-work stand-in for accounts that do not exist; see `PasswordHasher.dummyHash`.
  package let dummyHash: String

  /// Starts `threadCount` threads; `queueLimit` counts callers that wait, not those being served.
  package init(
    hasher: PasswordHasher = PasswordHasher(), threadCount: Int = threadCountDefault,
    queueLimit: Int = queueLimitDefault
  ) {
    self.hasher = hasher
    dummyHash = hasher.dummyHash
    workers = WorkerThreads(count: threadCount, queueLimit: queueLimit)
  }

  deinit {
    workers.shutdown()
  }

  /// - Parameter party: for whom; parties take turns (`WorkerThreads`).
  /// - Returns: a PHC string.
  /// - Throws: `PasswordHashingError`, `.overloaded` when the queue is full, or
  ///   `CancellationError`.
  package func hash(_ password: SecretBytes, for party: String = "") async throws -> String {
    try await run(for: party) { [hasher] in try hasher.hash(password) }
  }

  /// Compares `password` with a stored PHC string; throws as `hash` does.
  package func verify(
    _ password: SecretBytes, against phc: String, for party: String = ""
  ) async throws -> PasswordHasher.Verification {
    try await run(for: party) { [hasher] in try hasher.verify(password, against: phc) }
  }

  private func run<Result: Sendable>(
    for party: String, _ work: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    do {
      return try await workers.run(for: party, work)
    } catch let refusal as WorkerThreads.Refusal {
      switch refusal {
      case .overloaded: throw PasswordHashingError.overloaded
      case .shutDown: throw PasswordHashingError.shutDown
      }
    }
  }

  /// Refuses waiting and later callers with `.shutDown`; running ones get their answer.
  package func shutdown() {
    workers.shutdown()
  }
}
