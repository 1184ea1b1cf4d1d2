import Logging
import Postgres
import Protobuf
import RPC
import ServiceAPI

/// A receipt that waits.
struct OutboxRow: Sendable {
  let position: Int
  let event: [UInt8]

  init(_ row: PostgresRow) throws(PostgresError) {
    position = try row.decode("position")
    event = try row.decode("event")
  }
}

/// What became of the rows of a batch.
struct OutboxSorting: Sendable {
  /// In the log, by position.
  var delivered: [Int] = []
  /// Refused for good, with the reason.
  var refused: [(row: OutboxRow, problem: String)] = []
  /// Failed on their own, for a reason that may pass.
  var failed: [(row: OutboxRow, problem: String)] = []
  /// The last fault that need not be a row's.
  var lastError: RPCError?
}

extension OutboxRelay {
  private typealias Part = ArraySlice<(row: OutboxRow, event: AuditAPI.AuditEvent)>

  /// Sends rows, together while the log takes them, else in ever smaller parts, so that one bad row
  /// holds up no other.
  func sort(_ rows: [OutboxRow]) async -> OutboxSorting {
    var sorting = OutboxSorting()
    var events: [(row: OutboxRow, event: AuditAPI.AuditEvent)] = []
    for row in rows {
      guard row.event.count <= Self.messageBytesMax else {
        sorting.refused.append((row, "larger than \(Self.messageBytesMax) bytes"))
        continue
      }
      do {
        events.append((row, try AuditAPI.AuditEvent(unpacking: row.event)))
      } catch {
        sorting.refused.append((row, "\(error)"))
      }
    }
    // A stack of parts instead of recursion: the oldest rows are sent first.
    var parts = Array(Self.messages(events).reversed())
    while let part = parts.popLast(), let first = part.first {
      do {
        _ = try await audit.appendEvents(
          AuditAPI.AppendEventsRequest(events: part.map(\.event)),
          options: CallOptions(timeout: Self.deliveryTimeout))
        sorting.delivered += part.map(\.row.position)
      } catch {
        let blame = Blame(error)
        if blame != .event { sorting.lastError = error }
        if blame == .audit { break }
        if part.count > 1 {
          let middle = part.startIndex + part.count / 2
          parts.append(part[middle...])
          parts.append(part[..<middle])
        } else if blame == .event {
          sorting.refused.append((first.row, error.message))
        } else {
          sorting.failed.append((first.row, error.message))
        }
      }
    }
    return sorting
  }

  /// Cuts a batch into what fits into one message each.
  private static func messages(
    _ events: [(row: OutboxRow, event: AuditAPI.AuditEvent)]
  ) -> [Part] {
    var messages: [Part] = []
    var start = 0
    var byteCount = 0
    for (index, event) in events.enumerated() {
      if byteCount + event.row.event.count > messageBytesMax, index > start {
        messages.append(events[start..<index])
        start = index
        byteCount = 0
      }
      byteCount += event.row.event.count
    }
    if start < events.count { messages.append(events[start...]) }
    return messages
  }

  /// Deletes, sets aside or puts off, in the transaction that holds the rows.
  func settle(
    _ sorting: OutboxSorting, in transaction: PostgresTransaction
  ) async throws(PostgresError) {
    if !sorting.delivered.isEmpty {
      try await transaction.execute(
        "DELETE FROM outbox WHERE position = ANY(\(sorting.delivered))")
    }
    for (row, problem) in sorting.refused {
      try await setAside(row, problem, in: transaction)
    }
    for (row, problem) in sorting.failed {
      let attempts: Int32? = try await transaction.first(
        """
        UPDATE outbox
           SET attempts = attempts + 1, retry_time = now() + interval '1 second' * 2 ^ attempts
         WHERE position = \(row.position)
        RETURNING attempts
        """
      ) { (row) throws(PostgresError) in try row.decode("attempts") }
      if let attempts, attempts >= Self.attemptsMax {
        try await setAside(row, problem, in: transaction)
      }
    }
  }

  private func setAside(
    _ row: OutboxRow, _ problem: String, in transaction: PostgresTransaction
  ) async throws(PostgresError) {
    try await transaction.execute(
      """
      INSERT INTO outbox_set_aside (position, event, create_time, problem)
      SELECT position, event, create_time, \(problem) FROM outbox
       WHERE position = \(row.position)
      """)
    try await transaction.execute("DELETE FROM outbox WHERE position = \(row.position)")
    logger.error(
      "receipt set aside: the audit log refuses it",
      metadata: ["position": "\(row.position)", "problem": "\(problem)"])
  }
}

/// Who is at fault when a delivery fails.
private enum Blame {
  /// The event itself: it will never be taken.
  case event
  /// Perhaps an event, perhaps a fault of the log that only some events meet.
  case either
  /// The log or the way to it: every event would fail.
  case audit

  init(_ error: RPCError) {
    switch error.code {
    case .invalidArgument, .outOfRange, .failedPrecondition, .alreadyExists: self = .event
    case .internal, .unknown, .dataLoss: self = .either
    case .ok, .cancelled, .deadlineExceeded, .notFound, .permissionDenied, .aborted,
      .resourceExhausted, .unimplemented, .unavailable, .unauthenticated:
      self = .audit
    }
  }
}
