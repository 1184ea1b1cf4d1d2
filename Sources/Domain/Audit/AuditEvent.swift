package import FoundationEssentials
package import Identity

/// One thing that happened, checked and ready to be kept for good.
package struct AuditEvent: Sendable, Hashable {
  /// Who did it, as the recording service knew them then.
  package struct Actor: Sendable, Hashable {
    /// `user`, `operator`, `service` or `anonymous`.
    package var type: String
    package var id: String
    package var name: String

    package init(type: String, id: String, name: String) {
      self.type = type
      self.id = id
      self.name = name
    }
  }

  /// What it was done to.
  package struct Target: Sendable, Hashable {
    package var type: String
    package var id: String
    package var name: String

    package init(type: String, id: String, name: String) {
      self.type = type
      self.id = id
      self.name = name
    }
  }

  /// How it ended; the raw value is what the table holds.
  package enum Outcome: Int, Sendable, Hashable, CaseIterable {
    case success = 1
    case failure = 2
    case denied = 3
  }

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
