import Audit
import FoundationEssentials
import Identity
import Outbox
import Protobuf
import RPC
import Receipts
import ServiceAPI
import UseCases

extension AuditAPI.AppendEventsRequest {
  /// The events as the domain knows them; the first that isn't one is named by its place.
  func events(from recorder: String) throws(AuditError) -> [Audit.AuditEvent] {
    // Before any work is done on them.
    guard events.count <= AuditService.batchEventsMax else {
      throw .invalid(
        .events, reason: "holds more than \(AuditService.batchEventsMax) events")
    }
    var checked: [Audit.AuditEvent] = []
    checked.reserveCapacity(events.count)
    for (index, event) in events.enumerated() {
      do {
        checked.append(try Audit.AuditEvent(event, source: recorder))
      } catch {
        throw .invalidEvent(index: index, error)
      }
    }
    return checked
  }
}

extension Audit.AuditEvent {
  /// Everything but `source` and `sequence`, which are not the message's to say.
  fileprivate init(_ event: AuditAPI.AuditEvent, source: String) throws(EventProblem) {
    guard let id = UUID(uuidString: event.id) else { throw EventProblem("id", "is not a UUID") }
    guard let time = event.time else { throw EventProblem("time", "is missing") }
    guard let outcome = Outcome(event.outcome) else {
      throw EventProblem("outcome", "is not SUCCESS, FAILURE or DENIED")
    }
    var accountID: UserID?
    if !event.accountId.isEmpty {
      accountID = UserID(event.accountId)
      guard accountID != nil else { throw EventProblem("accountId", "is not a UUID") }
    }
    let actor = event.actor ?? AuditAPI.AuditEvent.Actor()
    let target = event.target ?? AuditAPI.AuditEvent.Target()
    self.init(
      id: id, time: time.date, actor: Actor(type: actor.type, id: actor.id, name: actor.name),
      action: event.action,
      target: Target(type: target.type, id: target.id, name: target.name), outcome: outcome,
      ipAddress: event.ipAddress, userAgent: event.userAgent, requestID: event.requestId,
      details: String(decoding: (event.details ?? Struct()).json(), as: UTF8.self),
      source: source, accountID: accountID)
  }
}

extension EventQuery {
  init(_ request: AuditAPI.ListEventsRequest) throws(AuditError) {
    self.init(
      action: try ActionFilter.parse(request.action), outcome: try Self.outcome(request.outcome),
      since: request.since?.date, until: request.until?.date,
      reach: try Self.reach(of: request))
    credentialID = try Self.uuid(request.credentialId, .credentialID)
    id = try Self.uuid(request.id, .id)
    (targetID, ipAddress, text) = (request.targetId, request.ipAddress, request.text)
  }

  init(_ request: AuditAPI.CountEventsRequest) throws(AuditError) {
    self.init(
      action: try ActionFilter.parse(request.action), outcome: try Self.outcome(request.outcome))
    credentialID = try Self.uuid(request.credentialId, .credentialID)
    (targetID, ipAddress, text) = (request.targetId, request.ipAddress, request.text)
  }

  private static func reach(
    of request: AuditAPI.ListEventsRequest
  ) throws(AuditError) -> Reach {
    guard request.everyone else {
      guard request.accountId.isEmpty else {
        throw .invalid(.accountID, reason: "counts with 'everyone' only")
      }
      return .own
    }
    guard !request.accountId.isEmpty else { return .everybody }
    guard let account = UserID(request.accountId) else {
      throw .invalid(.accountID, reason: "is not the id of an account")
    }
    return .account(account)
  }

  private static func outcome(
    _ sent: AuditAPI.AuditEvent.Outcome
  ) throws(AuditError) -> AuditEvent.Outcome? {
    guard sent != .unspecified else { return nil }
    guard let outcome = AuditEvent.Outcome(sent) else {
      throw .invalid(.outcome, reason: "must be SUCCESS, FAILURE or DENIED")
    }
    return outcome
  }

  private static func uuid(
    _ text: String, _ field: AuditError.Field
  ) throws(AuditError) -> UUID? {
    guard !text.isEmpty else { return nil }
    guard let uuid = UUID(uuidString: text) else { throw .invalid(field, reason: "is not a UUID") }
    return uuid
  }
}

extension AuditAPI.CountEventsRequest {
  /// What is counted apart.
  func grouping() throws(AuditError) -> EventGrouping {
    switch (byTarget, byModel) {
    case (true, true):
      throw .invalid(.grouping, reason: "must be by target or by model, not both")
    case (true, false): .target
    case (false, true): .model
    case (false, false): .none
    }
  }
}

extension AuditAPI.CountEventsResponse.Count {
  init(_ count: EventCount) {
    self.init(
      interval: Int32(count.interval), outcome: AuditAPI.AuditEvent.Outcome(count.outcome),
      targetId: count.targetID, count: Int64(count.count), model: count.model,
      inputTokens: Int64(count.taken.input), outputTokens: Int64(count.taken.output),
      cachedTokens: Int64(count.taken.cached), costNanodollars: Int64(count.taken.nanodollars),
      meteredCount: Int64(count.taken.meteredCount), pricedCount: Int64(count.taken.pricedCount))
  }
}

extension AuditAPI.ListEventsResponse {
  init(_ page: Page<RecordedEvent>) throws(MessageError) {
    var events: [AuditAPI.AuditEvent] = []
    for recorded in page.elements { events.append(try AuditAPI.AuditEvent(recorded)) }
    self.init(events: events, nextPageToken: page.nextPageToken ?? "")
  }
}

extension AuditAPI.AuditEvent {
  fileprivate init(_ recorded: RecordedEvent) throws(MessageError) {
    let event = recorded.event
    self.init(
      id: event.id.text, sequence: recorded.sequence,
      time: Timestamp(event.time),
      actor: Actor(event.actor), action: event.action, target: Target(event.target),
      outcome: Outcome(event.outcome), ipAddress: event.ipAddress,
      userAgent: event.userAgent, requestId: event.requestID,
      details: try Struct(json: Array(event.details.utf8)), source: event.source,
      accountId: event.accountID?.text ?? "")
  }
}
