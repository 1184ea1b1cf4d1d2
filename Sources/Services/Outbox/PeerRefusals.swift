import Identity
package import Logging
package import RPC
import ServiceLifecycle
import Synchronization

/// Records the calls that were refused because their peer may not make them.
///
/// An interceptor can't wait for the database, so refusals wait here. Bounded: a peer that has gone
/// astray fills the log with one receipt a second, not with one per call.
package final class PeerRefusals: Service {
  /// Refusals that may wait to be recorded; more are only in the service's log.
  static let waitingMax = 64
  /// At least so much time lies between two receipts for one peer and method.
  static let repeatInterval: Duration = .seconds(1)
  /// Peers and methods that are remembered for it.
  static let rememberedMax = 1_024

  private struct Call: Sendable, Hashable {
    let peer: String
    let method: String
  }

  private let record: @Sendable (_ peer: String, _ method: String) async throws -> Void
  private let logger: Logger
  private let calls: AsyncStream<Call>
  private let continuation: AsyncStream<Call>.Continuation
  private let lastTimes = Mutex<[Call: ContinuousClock.Instant]>([:])

  /// `record` goes through the service's door.
  package init(
    logger: Logger,
    record: @escaping @Sendable (_ peer: String, _ method: String) async throws -> Void
  ) {
    self.logger = logger
    self.record = record
    (calls, continuation) = AsyncStream.makeStream(
      bufferingPolicy: .bufferingOldest(Self.waitingMax))
  }

  /// Takes note of a refusal without waiting.
  package func note(_ peer: Peer, _ method: MethodDescriptor) {
    let call = Call(peer: PeerIdentity.name(in: peer.identities), method: method.path)
    let isDue = lastTimes.withLock { times in
      let now = ContinuousClock.now
      if let last = times[call], last.duration(to: now) < Self.repeatInterval { return false }
      if times.count >= Self.rememberedMax { times.removeAll() }
      times[call] = now
      return true
    }
    if isDue { continuation.yield(call) }
  }

  package func run() async throws {
    await cancelWhenGracefulShutdown {
      for await call in self.calls {
        do {
          try await self.record(call.peer, call.method)
        } catch {
          self.logger.error(
            "a refused peer could not be recorded",
            metadata: ["peer": "\(call.peer)", "method": "\(call.method)", "error": "\(error)"])
        }
      }
    }
  }
}
