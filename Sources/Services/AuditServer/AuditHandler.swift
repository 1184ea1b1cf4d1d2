import Audit
import Callers
import Identity
import Protobuf
import RPC
import ServiceAPI

/// The audit log's methods over RPC.
struct AuditHandler: AuditAPI.AuditServiceProtocol {
  let audit: AuditService

  func appendEvents(
    _ request: AuditAPI.AppendEventsRequest, context: ServerContext
  ) async throws -> AuditAPI.AppendEventsResponse {
    // By its certificate: what a service says of itself doesn't count.
    let recorder = PeerIdentity.name(in: context.peer.identities)
    let events = try request.events(from: recorder)
    let appended = try await audit.append(events, by: recorder)
    return AuditAPI.AppendEventsResponse(
      appended: Int32(appended), duplicates: Int32(events.count - appended))
  }

  func listEvents(
    _ request: AuditAPI.ListEventsRequest, context: ServerContext
  ) async throws -> AuditAPI.ListEventsResponse {
    let page = try await audit.page(
      of: EventQuery(request), size: Int(request.pageSize), token: request.pageToken,
      for: context.caller(), from: context.origin)
    return try AuditAPI.ListEventsResponse(page)
  }

  func eraseAccount(
    _ request: AuditAPI.EraseAccountRequest, context: ServerContext
  ) async throws -> AuditAPI.EraseAccountResponse {
    let (events, isComplete) = try await audit.eraseAccount(
      request.accountId, by: PeerIdentity.name(in: context.peer.identities))
    return AuditAPI.EraseAccountResponse(events: Int32(clamping: events), isComplete: isComplete)
  }

  func countEvents(
    _ request: AuditAPI.CountEventsRequest, context: ServerContext
  ) async throws -> AuditAPI.CountEventsResponse {
    let (counts, isPartial) = try await audit.counts(
      of: EventQuery(request), between: request.boundaries.map(\.date),
      byTarget: request.byTarget, for: context.caller(), from: context.origin)
    return AuditAPI.CountEventsResponse(
      counts: counts.map { AuditAPI.CountEventsResponse.Count($0) }, isPartial: isPartial)
  }
}
