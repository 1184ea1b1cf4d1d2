import Audit
import Identity
import RPC
import ServiceAPI
import ServiceRuntime

/// The audit log's methods over RPC.
struct AuditHandler: AuditAPI.AuditService {
  let audit: Audit.AuditService

  func appendEvents(
    _ request: AuditAPI.AppendEventsRequest, context: ServerContext
  ) async throws -> AuditAPI.AppendEventsResponse {
    let events = try request.events(from: Recorder(context.peer))
    let appended = try await audit.append(events)
    return AuditAPI.AppendEventsResponse(
      appended: Int32(appended), duplicates: Int32(events.count - appended))
  }

  func listEvents(
    _ request: AuditAPI.ListEventsRequest, context: ServerContext
  ) async throws -> AuditAPI.ListEventsResponse {
    let query = try EventQuery(request, of: context.caller())
    let page = try await audit.page(
      of: query, size: Int(request.pageSize), token: request.pageToken)
    return try AuditAPI.ListEventsResponse(page)
  }
}

/// The service that sends events, by its certificate: what it says of itself does not count.
struct Recorder {
  static let identities: Set<String> = [
    PeerIdentity.auth, PeerIdentity.vault, PeerIdentity.gateway,
  ]

  let name: String

  init(_ peer: Peer) throws(RPCError) {
    guard let identity = peer.identities.first(where: Self.identities.contains),
      let name = identity.split(separator: "/").last
    else { throw RPCError(.permissionDenied, "this peer may not append events") }
    self.name = String(name)
  }
}
