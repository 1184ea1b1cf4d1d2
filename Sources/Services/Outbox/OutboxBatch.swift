import Logging
import Postgres
import RPC

/// Receipts that were read together and locked, and what became of each.
struct OutboxBatch: Sendable {
  /// A receipt that waits.
  struct Row: Sendable {
    let position: Int
    /// A packed `AuditEvent`; the relay has no reason to open it.
    let event: [UInt8]

    init(position: Int, event: [UInt8]) {
      self.position = position
      self.event = event
    }

    init(_ row: PostgresRow) throws(PostgresError) {
      position = try row.decode("position")
      event = try row.decode("event")
    }
  }

  /// Rows that travel together: what `AppendEvents` takes.
  static let rowsMax = 500
  /// Events of one message together; half of what servers take by default.
  static let messageBytesMax = 2 << 20
  /// How often a row may fail on its own before it is set aside.
  static let attemptsMax = 12

  let rows: [Row]
  /// In the log, by position.
  private(set) var delivered: [Int] = []
  /// Refused for good, with the reason.
  private(set) var refused: [(row: Row, problem: String)] = []
  /// Failed on their own, for a reason that may pass.
  private(set) var failed: [(row: Row, problem: String)] = []
  /// The last fault that need not be a row's.
  private(set) var lastError: RPCError?

  init(_ rows: [Row]) {
    self.rows = rows
  }

  /// Reads and locks the oldest rows that no other relay has.
  init(in transaction: PostgresTransaction) async throws(PostgresError) {
    rows = try await transaction.all(
      """
      SELECT position, event
        FROM outbox
       WHERE retry_time <= now()
       ORDER BY position
       LIMIT \(Self.rowsMax)
         FOR UPDATE SKIP LOCKED
      """, as: Row.init(_:))
  }

  // MARK: Delivering

  /// Sends the events, together while the log takes them, else in ever smaller parts, so that one
  /// bad row holds up no other.
  mutating func deliver(_ send: ([[UInt8]]) async throws(RPCError) -> Void) async {
    // A stack of parts instead of recursion: the oldest rows are sent first.
    var parts = Array(messages().reversed())
    while let part = parts.popLast(), let first = part.first {
      do {
        try await send(part.map(\.event))
        delivered += part.map(\.position)
      } catch {
        let blame = Blame(error)
        if blame != .event { lastError = error }
        if blame == .audit { break }
        if part.count > 1 {
          let middle = part.startIndex + part.count / 2
          parts.append(part[middle...])
          parts.append(part[..<middle])
        } else if blame == .event {
          refused.append((first, error.message))
        } else {
          failed.append((first, error.message))
        }
      }
    }
  }

  /// Whether the log took nothing at all: then the fault is its own, whatever it says of single
  /// rows, and none of them is put off.
  var isHeldUp: Bool { delivered.isEmpty && refused.isEmpty && lastError != nil }

  /// Cuts the rows into what fits into one message each.
  private mutating func messages() -> [ArraySlice<Row>] {
    var messages: [ArraySlice<Row>] = []
    var start = 0
    var byteCount = 0
    for (index, row) in rows.enumerated() {
      let size = row.event.count
      if byteCount + size > Self.messageBytesMax {
        if index > start { messages.append(rows[start..<index]) }
        start = index
        byteCount = 0
      }
      guard size <= Self.messageBytesMax else {
        refused.append((row, "larger than \(Self.messageBytesMax) bytes"))
        start = index + 1
        continue
      }
      byteCount += size
    }
    if start < rows.count { messages.append(rows[start...]) }
    return messages
  }

  // MARK: Settling

  /// Deletes, sets aside or puts off, in the transaction that holds the rows.
  func settle(
    in transaction: PostgresTransaction, logger: Logger
  ) async throws(PostgresError) {
    if !delivered.isEmpty {
      try await transaction.execute("DELETE FROM outbox WHERE position = ANY(\(delivered))")
    }
    for (row, problem) in refused {
      try await Self.setAside(row, problem, in: transaction, logger)
    }
    for (row, problem) in failed {
      let attempts: Int32? = try await transaction.first(
        """
        UPDATE outbox
           SET attempts = attempts + 1, retry_time = now() + interval '1 second' * 2 ^ attempts
         WHERE position = \(row.position)
        RETURNING attempts
        """
      ) { (row) throws(PostgresError) in try row.decode("attempts") }
      if let attempts, attempts >= Self.attemptsMax {
        try await Self.setAside(row, problem, in: transaction, logger)
      }
    }
  }

  private static func setAside(
    _ row: Row, _ problem: String, in transaction: PostgresTransaction, _ logger: Logger
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
