import Audit
import FoundationEssentials
import Identity
import Postgres
import Protobuf
import Receipts
import TransparencyLog
import UseCases

/// The tables of leaves and tiles, as readers need them.
struct PostgresLogStore: LogStore, PostgresStore {
  typealias Failure = AuditError

  let postgres: PostgresClient

  func checkpoint() async throws(AuditError) -> SignedCheckpoint? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        "SELECT checkpoint, checkpoint_time FROM log_tree WHERE checkpoint IS NOT NULL"
      ) { (row) throws(PostgresError) in
        SignedCheckpoint(
          note: try row.decode("checkpoint"), time: try row.decode("checkpoint_time"))
      }
    }
  }

  func tiles(_ tiles: Set<TileID>) async throws(AuditError) -> [TileID: [UInt8]] {
    try await query { postgres throws(PostgresError) in
      try await Self.tiles(tiles, in: postgres)
    }
  }

  static func tiles(
    _ tiles: some Sequence<TileID>, in postgres: some PostgresQuerying
  ) async throws(PostgresError) -> [TileID: [UInt8]] {
    let tiles = Array(tiles)
    let rows = try await postgres.all(
      """
      SELECT t.level, t.index, t.hashes
        FROM unnest(\(tiles.map { Int32($0.level) }), \(tiles.map { Int(clamping: $0.index) }))
             AS wanted (level, index)
        JOIN log_tiles AS t ON t.level = wanted.level AND t.index = wanted.index
      """
    ) { (row) throws(PostgresError) in
      let index: Int = try row.decode("index")
      return (
        TileID(level: try row.decode("level"), index: UInt64(clamping: index)),
        try row.decode("hashes", as: [UInt8].self)
      )
    }
    return Dictionary(rows) { first, _ in first }
  }

  func leaves(at places: Range<UInt64>) async throws(AuditError) -> [[UInt8]] {
    let (first, last) = (Int(clamping: places.lowerBound), Int(clamping: places.upperBound))
    return try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT leaf FROM log_leaves
         WHERE sequence > \(first) AND sequence <= \(last)
           AND sequence <= (SELECT size FROM log_tree)
         ORDER BY sequence
        """
      ) { (row) throws(PostgresError) in try row.decode("leaf") }
    }
  }

  func accountLog(
    of account: UserID, in size: UInt64
  ) async throws(AuditError) -> (key: [UInt8], entries: UInt64)? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT a.key,
               (SELECT coalesce(max(l.account_entry), 0) FROM log_leaves AS l
                 WHERE l.account_id = a.account_id AND l.sequence <= \(Int(clamping: size)))
                 AS entries
          FROM log_accounts AS a
         WHERE a.account_id = \(account.uuid)
        """
      ) { (row) throws(PostgresError) in
        let entries: Int = try row.decode("entries")
        return (key: try row.decode("key"), entries: UInt64(clamping: entries))
      }
    }
  }

  /// From the leaves, so that an event whose row is gone leaves a gap.
  func sealedEvents(
    of account: UserID, behind entry: UInt64, in size: UInt64, id: UUID?, limit: Int
  ) async throws(AuditError) -> [SealedEvent] {
    var sql: PostgresQuery = """
      SELECT e.sequence, e.id, e.time, e.actor_type, e.actor_id, e.actor_name, e.action,
             e.target_type, e.target_id, e.target_name, e.outcome, e.ip_address, e.user_agent,
             e.request_id, e.details, e.source, e.account_id, l.account_entry, l.commitment, l.salt
        FROM log_leaves AS l
        JOIN events AS e ON e.sequence = l.sequence
       WHERE l.account_id = \(account.uuid) AND l.account_entry > \(Int(clamping: entry))
         AND l.sequence <= \(Int(clamping: size))
      """
    if let id { sql += " AND e.id = \(id)" }
    sql += " ORDER BY l.account_entry LIMIT \(limit)"
    let page = sql
    return try await query { postgres throws(PostgresError) in
      try await postgres.all(page, as: SealedEvent.init(_:))
    }
  }
}

extension SealedEvent {
  fileprivate init(_ row: PostgresRow) throws(PostgresError) {
    let entry: Int = try row.decode("account_entry")
    self.init(
      recorded: try RecordedEvent(row).canonical, accountEntry: UInt64(clamping: entry),
      commitment: try row.decode("commitment"), salt: try row.decode("salt"))
  }
}

extension RecordedEvent {
  /// With details in the one form that leaves are made from, whatever the database makes of JSON.
  var canonical: RecordedEvent {
    var canonical = self
    if let details = try? Struct(json: Array(event.details.utf8)) {
      canonical.event.details = String(decoding: details.json(), as: UTF8.self)
    }
    return canonical
  }
}
