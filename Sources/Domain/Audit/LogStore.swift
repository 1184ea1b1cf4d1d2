package import FoundationEssentials
package import Identity
import Receipts
package import TransparencyLog

/// Where leaves and tiles of the log's tree are kept.
package protocol LogStore: Sendable {
  /// What was last signed; nil while nothing was.
  func checkpoint() async throws(AuditError) -> SignedCheckpoint?

  /// The hashes of those tiles that there are.
  func tiles(_ tiles: Set<TileID>) async throws(AuditError) -> [TileID: [UInt8]]

  /// The leaves at these places, from 0; those that are not there yet are left out.
  func leaves(at places: Range<UInt64>) async throws(AuditError) -> [[UInt8]]

  /// The key by which an account finds its leaves, and how many it has among the first `size`; nil
  /// for an account without any.
  func accountLog(
    of account: UserID, in size: UInt64
  ) async throws(AuditError) -> (key: [UInt8], entries: UInt64)?

  /// Up to `limit` entries of the account behind its entry number `entry`, among the first `size`
  /// of all; with `id`, that one alone.
  func sealedEvents(
    of account: UserID, behind entry: UInt64, in size: UInt64, id: UUID?, limit: Int
  ) async throws(AuditError) -> [SealedEvent]
}

/// A checkpoint's note, and when it was signed.
package struct SignedCheckpoint: Sendable, Hashable {
  package var note: String
  package var time: Date

  package init(note: String, time: Date) {
    self.note = note
    self.time = time
  }
}

/// An event and what its leaf was made with.
package struct SealedEvent: Sendable, Hashable {
  package var recorded: RecordedEvent
  /// Which of its account's events it is, from 1; 0 for one that is in nobody's log.
  package var accountEntry: UInt64
  package var commitment: [UInt8]
  /// Nil when the personal fields were destroyed.
  package var salt: [UInt8]?

  package init(
    recorded: RecordedEvent, accountEntry: UInt64, commitment: [UInt8], salt: [UInt8]?
  ) {
    self.recorded = recorded
    self.accountEntry = accountEntry
    self.commitment = commitment
    self.salt = salt
  }

  /// Seals an event.
  ///
  /// - Parameter salt: `EntryLeaf.saltBytes` that nobody else knows.
  package init(_ recorded: RecordedEvent, accountEntry: UInt64, salt: [UInt8]) {
    self.init(
      recorded: recorded, accountEntry: accountEntry,
      commitment: EntryLeaf.commitment(to: PersonalFields(recorded.event), salt: salt), salt: salt)
  }

  /// The event as its leaf has it.
  package var entry: LoggedEntry {
    let event = recorded.event
    return LoggedEntry(
      sequence: UInt64(clamping: recorded.sequence), id: event.id.text,
      timeMicroseconds: event.time.microsecondsSince1970, source: event.source,
      action: event.action, outcome: event.outcome.rawValue, actorType: event.actor.type,
      targetType: event.target.type, accountEntry: accountEntry, commitment: commitment)
  }
}

extension PersonalFields {
  package init(_ event: AuditEvent) {
    self.init(
      accountID: event.accountID?.text ?? "", actorID: event.actor.id, actorName: event.actor.name,
      targetID: event.target.id, targetName: event.target.name, ipAddress: event.ipAddress,
      userAgent: event.userAgent, requestID: event.requestID, details: event.details)
  }
}
