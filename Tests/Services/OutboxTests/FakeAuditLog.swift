import RPC
import ServiceAPI
import Synchronization

/// An audit log in memory that does to events what a test wants.
final class FakeAuditLog: AuditAPI.AuditServiceProtocol {
  enum Reaction: Sendable {
    case obey
    case refuse(RPCError)
    /// Keeps the events, and the acknowledgement gets lost.
    case keepAndRefuse(RPCError)
  }

  fileprivate struct Waiter {
    let isWanted: @Sendable (AuditAPI.AuditEvent) -> Bool
    let continuation: CheckedContinuation<Void, Never>
  }

  fileprivate struct State {
    var kept: [AuditAPI.AuditEvent] = []
    var batchSizes: [Int] = []
    var deliveredCount = 0
    var reaction: @Sendable (AuditAPI.AuditEvent) -> Reaction = { _ in .obey }
    var waiters: [Waiter] = []
  }
  private let state = Mutex(State())

  /// In order of arrival, each id once.
  var kept: [AuditAPI.AuditEvent] { state.withLock { $0.kept } }
  var batchSizes: [Int] { state.withLock { $0.batchSizes } }
  /// With duplicates.
  var deliveredCount: Int { state.withLock { $0.deliveredCount } }

  /// The first event with a reaction other than `.obey` decides over its batch.
  func misbehave(_ reaction: @escaping @Sendable (AuditAPI.AuditEvent) -> Reaction) {
    state.withLock { $0.reaction = reaction }
  }

  /// Returns once such an event is in the log.
  func arrival(_ isWanted: @escaping @Sendable (AuditAPI.AuditEvent) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.kept.contains(where: isWanted) { return true }
        state.waiters.append(Waiter(isWanted: isWanted, continuation: continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  func appendEvents(
    _ request: AuditAPI.AppendEventsRequest, context: ServerContext
  ) async throws -> AuditAPI.AppendEventsResponse {
    try state.withLock { state in
      state.batchSizes.append(request.events.count)
      for event in request.events {
        switch state.reaction(event) {
        case .obey: continue
        case .refuse(let error): throw error
        case .keepAndRefuse(let error):
          state.keep(request.events)
          throw error
        }
      }
      let appended = state.keep(request.events)
      return AuditAPI.AppendEventsResponse(
        appended: Int32(appended), duplicates: Int32(request.events.count - appended))
    }
  }

  func listEvents(
    _ request: AuditAPI.ListEventsRequest, context: ServerContext
  ) async throws -> AuditAPI.ListEventsResponse {
    throw RPCError(.unimplemented, "a relay never reads")
  }

  func eraseAccount(
    _ request: AuditAPI.EraseAccountRequest, context: ServerContext
  ) async throws -> AuditAPI.EraseAccountResponse {
    throw RPCError(.unimplemented, "a relay never erases")
  }

  func countEvents(
    _ request: AuditAPI.CountEventsRequest, context: ServerContext
  ) async throws -> AuditAPI.CountEventsResponse {
    throw RPCError(.unimplemented, "a relay never counts")
  }

  func getCheckpoint(
    _ request: AuditAPI.GetCheckpointRequest, context: ServerContext
  ) async throws -> AuditAPI.Checkpoint {
    throw RPCError(.unimplemented, "a relay never reads")
  }

  func getTile(
    _ request: AuditAPI.GetTileRequest, context: ServerContext
  ) async throws -> AuditAPI.GetTileResponse {
    throw RPCError(.unimplemented, "a relay never reads")
  }

  func proveEvents(
    _ request: AuditAPI.ProveEventsRequest, context: ServerContext
  ) async throws -> AuditAPI.ProveEventsResponse {
    throw RPCError(.unimplemented, "a relay never reads")
  }
}

extension FakeAuditLog.State {
  @discardableResult
  fileprivate mutating func keep(_ events: [AuditAPI.AuditEvent]) -> Int {
    deliveredCount += events.count
    var known = Set(kept.map(\.id))
    let new = events.filter { known.insert($0.id).inserted }
    kept += new
    let arrived = waiters.filter { waiter in kept.contains(where: waiter.isWanted) }
    waiters.removeAll { waiter in kept.contains(where: waiter.isWanted) }
    for waiter in arrived { waiter.continuation.resume() }
    return new.count
  }
}
