import Audit
import FoundationEssentials
import Identity
import Postgres
import Receipts
import UseCases

/// The table of events.
struct PostgresAuditStore: AuditStore, PostgresStore {
  typealias Failure = AuditError

  let postgres: PostgresClient

  /// Adds the events that are not there yet, with numbers behind all that there ever were in the
  /// tree: should rows be taken away, the gap shows.
  ///
  /// The turn is taken by a statement of its own, before the one whose snapshot the numbers are
  /// read from; so numbers are gapless and an id that was appended a moment ago is seen. A row of
  /// this schema and no advisory lock, which every role of the database could take and keep.
  func append(_ events: [AuditEvent]) async throws(AuditError) -> Int {
    let columns = EventColumns(events)
    return try await transaction { transaction in
      try await transaction.execute("SELECT FROM append_turn FOR UPDATE")
      return try await transaction.execute(Self.insertion(of: columns))
    } refusal: { error in
      error.isOfARow ? .unstorable(detail: "\(error)") : nil
    }
  }

  func eraseAccount(
    _ account: UserID, eventsMax: Int, event: AuditEvent
  ) async throws(AuditError) -> (events: Int, isComplete: Bool) {
    try await transaction { transaction in
      try await transaction.execute("SELECT FROM append_turn FOR UPDATE")
      try await transaction.execute("SELECT begin_erasure(\(account.uuid))")
    }
    return try await transaction { transaction in
      let step = try await transaction.first(
        """
        SELECT events, is_complete, has_ended
          FROM continue_erasure(\(account.uuid), \(eventsMax)::int)
        """
      ) { row throws(PostgresError) in
        (
          events: try row.decode("events", as: Int.self),
          isComplete: try row.decode("is_complete", as: Bool.self),
          hasEnded: try row.decode("has_ended", as: Bool.self)
        )
      }
      guard let step else { return (0, false) }
      if step.hasEnded {
        try await transaction.execute("SELECT FROM append_turn FOR UPDATE")
        try await transaction.execute(Self.insertion(of: EventColumns([event])))
      }
      return (step.events, step.isComplete)
    }
  }

  private static func insertion(of columns: EventColumns) -> PostgresQuery {
    """
    INSERT INTO events
           (sequence, id, time, actor_type, actor_id, actor_name, action, target_type, target_id,
            target_name, outcome, ip_address, user_agent, request_id, details, source, account_id)
    SELECT (SELECT greatest(
                     (SELECT coalesce(max(sequence), 0) FROM events), (SELECT size FROM log_tree)))
             + row_number() OVER (ORDER BY place),
           id, 'epoch'::timestamptz + microseconds * interval '1 microsecond', actor_type,
           actor_id, actor_name, action, target_type, target_id, target_name, outcome, ip_address,
           user_agent, request_id, details::jsonb, source, nullif(account_id, '')::uuid
      FROM (
        SELECT DISTINCT ON (new.id) new.*
          FROM unnest(
                 \(columns.ids), \(columns.microseconds), \(columns.actorTypes),
                 \(columns.actorIDs), \(columns.actorNames), \(columns.actions),
                 \(columns.targetTypes), \(columns.targetIDs), \(columns.targetNames),
                 \(columns.outcomes), \(columns.ipAddresses), \(columns.userAgents),
                 \(columns.requestIDs), \(columns.details), \(columns.sources),
                 \(columns.accountIDs))
               WITH ORDINALITY AS new
                 (id, microseconds, actor_type, actor_id, actor_name, action, target_type,
                  target_id, target_name, outcome, ip_address, user_agent, request_id, details,
                  source, account_id, place)
         WHERE NOT EXISTS (SELECT 1 FROM events AS kept WHERE kept.id = new.id)
         ORDER BY new.id, new.place
      ) AS fresh
    """
  }

  func events(
    of account: UserID?, matching query: EventQuery, below position: PagePosition?, limit: Int
  ) async throws(AuditError) -> [RecordedEvent] {
    var sql: PostgresQuery = """
      SELECT sequence, id, time, actor_type, actor_id, actor_name, action, target_type, target_id,
             target_name, outcome, ip_address, user_agent, request_id, details, source, account_id
        FROM events
       WHERE true
      """
    if let account { sql += " AND account_id = \(account.uuid)" }
    Self.add(query, to: &sql)
    if let since = query.since { sql += " AND time >= \(since)" }
    if let until = query.until { sql += " AND time < \(until)" }
    if let position {
      let time = PostgresTimestamp(microsecondsSinceEpoch: position.timeMicroseconds)
      sql += " AND (time, sequence) < (\(time), \(Int(position.sequence)))"
    }
    sql += " ORDER BY time DESC, sequence DESC LIMIT \(limit)"
    let page = sql
    return try await self.query { postgres throws(PostgresError) in
      try await postgres.all(page, as: RecordedEvent.init(_:))
    }
  }

  /// Everything but the times.
  private static func add(_ query: EventQuery, to sql: inout PostgresQuery) {
    switch query.action {
    case nil: break
    case .exactly(let action): sql += " AND action = \(action)"
    case .startingWith(let prefix): sql += " AND starts_with(action, \(prefix))"
    }
    if let outcome = query.outcome { sql += " AND outcome = \(outcome.rawValue)" }
    if let id = query.id { sql += " AND id = \(id)" }
    if let credential = query.credentialID {
      sql += " AND details->>'credentialId' = \(credential.text)"
    }
    if !query.targetID.isEmpty { sql += " AND target_id = \(query.targetID)" }
    if !query.ipAddress.isEmpty { sql += " AND ip_address = \(query.ipAddress)" }
    if !query.text.isEmpty {
      sql += """
         AND position(lower(\(query.text)) IN lower(concat_ws(
             E'\\n', actor_name, action, target_name, target_id, ip_address, user_agent,
             request_id, details::text))) > 0
        """
    }
  }

  func counts(
    of account: UserID, matching query: EventQuery, between boundaries: [Int64],
    by grouping: EventGrouping, eventsMax: Int
  ) async throws(AuditError) -> [EventCount] {
    guard let first = boundaries.first, let last = boundaries.last else { return [] }
    let begin = PostgresTimestamp(microsecondsSinceEpoch: first)
    let end = PostgresTimestamp(microsecondsSinceEpoch: last)
    var sql: PostgresQuery = """
      SELECT width_bucket(counted.microseconds, \(boundaries.map { Int($0) })) AS bucket,
             counted.outcome, counted.target_id, counted.model, count(*)::int AS events,
             coalesce(sum(counted.input), 0)::bigint AS input_tokens,
             coalesce(sum(counted.output), 0)::bigint AS output_tokens,
             coalesce(sum(counted.cached), 0)::bigint AS cached_tokens,
             coalesce(sum(counted.cost), 0)::bigint AS nanodollars,
             count(counted.input)::int AS metered, count(counted.cost)::int AS priced
        FROM (
          SELECT (extract(epoch FROM time) * 1000000)::bigint AS microseconds, outcome,
                 figure_of(details, 'inputTokens') AS input,
                 figure_of(details, 'outputTokens') AS output,
                 figure_of(details, 'cachedTokens') AS cached,
                 figure_of(details, 'costNanodollars') AS cost,
      """
    switch grouping {
    case .none: sql += " '' AS target_id, '' AS model"
    case .target: sql += " target_id, '' AS model"
    case .model: sql += " '' AS target_id, coalesce(details->>'model', '') AS model"
    }
    sql += """
            FROM events
           WHERE account_id = \(account.uuid) AND time >= \(begin) AND time < \(end)
      """
    Self.add(query, to: &sql)
    sql += """
         ORDER BY time DESC, sequence DESC LIMIT \(eventsMax)
        ) AS counted
       GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
      """
    let counts = sql
    return try await self.query { postgres throws(PostgresError) in
      try await postgres.all(counts, as: EventCount.init(_:))
    }
  }
}

extension AuditError: StorageError {}

extension PostgresError {
  /// Whether the server refused what a row holds: a data exception, or a constraint other than the
  /// uniqueness that the append itself sees to.
  fileprivate var isOfARow: Bool {
    guard case .server(let error) = self else { return false }
    return error.sqlState.errorClass == "22"
      || error.sqlState.errorClass == "23" && error.sqlState != .uniqueViolation
  }
}

/// Events turned on their side: one array for each column.
private struct EventColumns: Sendable {
  let ids: [UUID]
  let microseconds: [Int]
  let actorTypes, actorIDs, actorNames, actions, targetTypes, targetIDs, targetNames: [String]
  let outcomes: [Int32]
  let ipAddresses, userAgents, requestIDs, details, sources: [String]
  /// Empty where there is none.
  let accountIDs: [String]

  init(_ events: [AuditEvent]) {
    ids = events.map(\.id)
    microseconds = events.map { Int($0.time.microsecondsSince1970) }
    actorTypes = events.map(\.actor.type)
    actorIDs = events.map(\.actor.id)
    actorNames = events.map(\.actor.name)
    actions = events.map(\.action)
    targetTypes = events.map(\.target.type)
    targetIDs = events.map(\.target.id)
    targetNames = events.map(\.target.name)
    outcomes = events.map { Int32($0.outcome.rawValue) }
    ipAddresses = events.map(\.ipAddress)
    userAgents = events.map(\.userAgent)
    requestIDs = events.map(\.requestID)
    details = events.map(\.details)
    sources = events.map(\.source)
    accountIDs = events.map { $0.accountID?.text ?? "" }
  }
}

extension EventCount {
  fileprivate init(_ row: PostgresRow) throws(PostgresError) {
    let outcome: Int = try row.decode("outcome")
    self.init(
      // PostgreSQL counts buckets from 1.
      interval: try row.decode("bucket", as: Int.self) - 1,
      // The table's check allows no other value.
      outcome: AuditEvent.Outcome(rawValue: outcome) ?? .failure,
      targetID: try row.decode("target_id"), model: try row.decode("model"),
      count: try row.decode("events"))
    taken.input = try row.decode("input_tokens")
    taken.output = try row.decode("output_tokens")
    taken.cached = try row.decode("cached_tokens")
    taken.nanodollars = try row.decode("nanodollars")
    taken.meteredCount = try row.decode("metered")
    taken.pricedCount = try row.decode("priced")
  }
}

extension RecordedEvent {
  init(_ row: PostgresRow) throws(PostgresError) {
    let time: PostgresTimestamp = try row.decode("time")
    let outcome: Int = try row.decode("outcome")
    let details: PostgresJSON = try row.decode("details")
    let accountID: UUID? = try row.decode("account_id")
    let event = AuditEvent(
      id: try row.decode("id"),
      time: Date(microsecondsSince1970: time.microsecondsSinceEpoch),
      actor: AuditEvent.Actor(
        type: try row.decode("actor_type"), id: try row.decode("actor_id"),
        name: try row.decode("actor_name")),
      action: try row.decode("action"),
      target: AuditEvent.Target(
        type: try row.decode("target_type"), id: try row.decode("target_id"),
        name: try row.decode("target_name")),
      // The table's check allows no other value.
      outcome: AuditEvent.Outcome(rawValue: outcome) ?? .failure,
      ipAddress: try row.decode("ip_address"), userAgent: try row.decode("user_agent"),
      requestID: try row.decode("request_id"), details: details.text,
      source: try row.decode("source"), accountID: accountID.map(UserID.init(_:)))
    self.init(sequence: Int64(try row.decode("sequence", as: Int.self)), event: event)
  }
}
