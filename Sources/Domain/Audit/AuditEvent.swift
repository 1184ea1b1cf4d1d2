package import FoundationEssentials
package import Identity
package import Receipts

/// One thing that happened, checked and ready to be kept for good: a receipt as any version of any
/// service may have written it, so its action is any text and its details are any JSON.
package struct AuditEvent: Sendable, Hashable {
  package typealias Actor = Receipt.Actor
  package typealias Target = Receipt.Target
  package typealias Outcome = Receipt.Outcome

  /// Given by the recording service; one id is kept once.
  package var id: UUID
  package var time: Date
  package var actor: Actor
  package var action: String
  package var target: Target
  package var outcome: Outcome
  package var ipAddress: String
  package var userAgent: String
  package var requestID: String
  /// A JSON object.
  package var details: String
  /// The service that recorded it, by its certificate.
  package var source: String
  /// The account whose log shows it; nil when nobody's does.
  package var accountID: UserID?

  package init(
    id: UUID, time: Date, actor: Actor, action: String, target: Target, outcome: Outcome,
    ipAddress: String, userAgent: String, requestID: String, details: String, source: String,
    accountID: UserID?
  ) {
    self.id = id
    self.time = time
    self.actor = actor
    self.action = action
    self.target = target
    self.outcome = outcome
    self.ipAddress = ipAddress
    self.userAgent = userAgent
    self.requestID = requestID
    self.details = details
    self.source = source
    self.accountID = accountID
  }
}

/// An event and its place in the log.
package struct RecordedEvent: Sendable, Hashable {
  /// From 1, without gaps, in the order of appending.
  package var sequence: Int64
  package var event: AuditEvent

  package init(sequence: Int64, event: AuditEvent) {
    self.sequence = sequence
    self.event = event
  }
}

extension AuditEvent {
  /// The event that a receipt of this service is, with no way through an outbox.
  init(_ receipt: Receipt, source: String) {
    self.init(
      id: receipt.id, time: receipt.time, actor: receipt.actor, action: receipt.action.rawValue,
      target: receipt.target, outcome: receipt.outcome, ipAddress: receipt.origin.ipAddress,
      userAgent: receipt.origin.userAgent, requestID: receipt.origin.requestID,
      details: Self.json(receipt.details), source: source, accountID: receipt.accountID)
  }

  private static func json(_ details: [String: Receipt.Detail]) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Texts, numbers and flags always encode.
    guard let data = try? encoder.encode(details) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
  }
}

extension Receipt.Detail: Encodable {
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let text): try container.encode(text)
    case .number(let number): try container.encode(number)
    case .flag(let flag): try container.encode(flag)
    }
  }
}
