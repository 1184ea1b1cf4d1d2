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

extension AuditEvent {
  /// Bytes of an action such as `provider-config.create`.
  package static let actionBytesMax = 64
  /// Bytes of each of the other short texts.
  package static let textBytesMax = 512
  /// Bytes of the JSON details.
  package static let detailsBytesMax = 16_384

  /// Refuses what the log would not keep: over-long texts, NUL, and an action that isn't one.
  package func check() throws(EventProblem) {
    guard ActionFilter.isAction(action) else { throw EventProblem("action", ActionFilter.rule) }
    for (field, text) in texts {
      guard text.utf8.count <= AuditEvent.textBytesMax else {
        throw EventProblem(field, "is longer than \(AuditEvent.textBytesMax) bytes")
      }
      // PostgreSQL's text can't hold it, so one such event would fail its whole batch.
      guard !text.utf8.contains(0) else { throw EventProblem(field, "holds a NUL character") }
    }
    guard !actor.type.isEmpty else { throw EventProblem("actor.type", "is missing") }
    guard !target.type.isEmpty else { throw EventProblem("target.type", "is missing") }
    guard details.utf8.count <= AuditEvent.detailsBytesMax else {
      throw EventProblem("details", "is longer than \(AuditEvent.detailsBytesMax) bytes of JSON")
    }
    guard !AuditEvent.holdsEscapedNUL(details) else {
      throw EventProblem("details", "holds a NUL character")
    }
    guard AuditEvent.times.contains(time.timeIntervalSince1970) else {
      throw EventProblem("time", "is not between the years 1970 and 2200")
    }
  }

  /// Whether a string in JSON text holds U+0000, which JSON can only write as `\u0000`: a backslash
  /// that is escaped itself begins no such character.
  private static func holdsEscapedNUL(_ json: String) -> Bool {
    var bytes = json.utf8[...]
    while let backslash = bytes.firstIndex(of: UInt8(ascii: "\\")) {
      bytes = bytes[bytes.index(after: backslash)...]
      if bytes.starts(with: "u0000".utf8) { return true }
      bytes = bytes.dropFirst()
    }
    return false
  }

  /// Seconds since 1970 that an honest clock can show; PostgreSQL and JSON hold them all.
  private static let times = 0.0..<7_258_118_400.0

  private var texts: [(field: String, text: String)] {
    [
      ("actor.type", actor.type), ("actor.id", actor.id), ("actor.name", actor.name),
      ("target.type", target.type), ("target.id", target.id), ("target.name", target.name),
      ("ipAddress", ipAddress), ("userAgent", userAgent), ("requestId", requestID),
      ("source", source),
    ]
  }
}

/// What is wrong with one event.
package struct EventProblem: Error, Hashable {
  /// The event's field, by its JSON name.
  package let field: String
  package let reason: String

  package init(_ field: String, _ reason: String) {
    self.field = field
    self.reason = reason
  }
}
