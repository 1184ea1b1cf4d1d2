import Audit
import Callers
import FoundationEssentials
import Identity
import Protobuf
import RPC
import ServiceAPI
import TransparencyLog
import UseCases

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
      by: request.grouping(), for: context.caller(), from: context.origin)
    return AuditAPI.CountEventsResponse(
      counts: counts.map { AuditAPI.CountEventsResponse.Count($0) }, isPartial: isPartial)
  }

  func getCheckpoint(
    _ request: AuditAPI.GetCheckpointRequest, context: ServerContext
  ) async throws -> AuditAPI.Checkpoint {
    let (signed, key) = try await audit.checkpoint(
      for: PeerIdentity.name(in: context.peer.identities))
    let size = (try? Checkpoint.verified(signed.note, by: key))?.size ?? 0
    return AuditAPI.Checkpoint(
      note: signed.note, time: Timestamp(signed.time), key: key.text, size: Int64(clamping: size))
  }

  func getTile(
    _ request: AuditAPI.GetTileRequest, context: ServerContext
  ) async throws -> AuditAPI.GetTileResponse {
    let peer = PeerIdentity.name(in: context.peer.identities)
    let width = request.width == 0 ? TileID.widthMax : Int(request.width)
    let index = try request.index.unsigned(.index)
    let content =
      if request.leaves {
        try await audit.leaves(ofBundle: index, width: width, for: peer)
      } else {
        try await audit.tile(
          TileID(level: Int(request.level), index: index), width: width, for: peer)
      }
    return AuditAPI.GetTileResponse(content: content)
  }

  func proveEvents(
    _ request: AuditAPI.ProveEventsRequest, context: ServerContext
  ) async throws -> AuditAPI.ProveEventsResponse {
    let page = try await audit.proofs(
      AuditService.ProofQuery(request), for: context.caller(), from: context.origin)
    return AuditAPI.ProveEventsResponse(
      header: page.header ?? [], lines: page.lines, size: Int64(clamping: page.size),
      nextAfterEvent: page.next.map { Int64(clamping: $0) } ?? 0)
  }
}

extension AuditService.ProofQuery {
  init(_ request: AuditAPI.ProveEventsRequest) throws(AuditError) {
    self.init()
    behind = try request.afterEvent.unsigned(.pageToken)
    limit = Int(request.pageSize)
    size = request.size == 0 ? nil : try request.size.unsigned(.size)
    since = try request.since?.unsigned(.since)
    if !request.id.isEmpty {
      id = UUID(uuidString: request.id)
      guard id != nil else { throw .invalid(.id, reason: "is not a UUID") }
    }
  }
}

extension Int64 {
  fileprivate func unsigned(_ field: AuditError.Field) throws(AuditError) -> UInt64 {
    guard self >= 0 else { throw .invalid(field, reason: "is negative") }
    return UInt64(self)
  }
}
