import Audit
import Cryptography
import Identity
import Logging
import Postgres
import Receipts
import ServiceLifecycle
import TransparencyLog

/// Puts what was appended into the tree and signs what the tree is then: a moment after the append.
///
/// Any number of processes may run one: the row of `log_tree` lets one of them work at a time.
struct LogIntegrator: Service {
  /// Between two looks at the log; with the work itself, an entry is signed within a second.
  static let interval: Duration = .milliseconds(250)
  /// Entries of one transaction.
  static let batchEntriesMax = 2_000
  /// While the log is found to be damaged: nothing that is done by itself mends it.
  static let damagedInterval: Duration = .seconds(10)

  private let postgres: PostgresClient
  private let signer: LogSigner
  private let metrics: LogMetrics
  private let logger: Logger

  init(postgres: PostgresClient, signer: LogSigner, metrics: LogMetrics, logger: Logger) {
    self.postgres = postgres
    self.signer = signer
    self.metrics = metrics
    self.logger = logger
  }

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      var lastProblem = ""
      while true {
        var pause = Self.interval
        do {
          while try await integrate() == Self.batchEntriesMax {}
          lastProblem = ""
          metrics.isWell(true)
        } catch let damage as LogDamage {
          metrics.isWell(false)
          if lastProblem != "\(damage)" { logger.critical("the log is damaged: \(damage)") }
          lastProblem = "\(damage)"
          pause = Self.damagedInterval
        } catch is CancellationError {
          return
        } catch {
          if lastProblem != "\(error)" {
            logger.warning("entries wait for their signature", metadata: ["error": "\(error)"])
          }
          lastProblem = "\(error)"
        }
        try await Task.sleep(for: pause)
      }
    }
  }

  /// Puts the next entries into the tree; returns how many those were. None when there are none, or
  /// when another process is at it.
  @discardableResult
  func integrate() async throws -> Int {
    // Without a lock, which would write to the disk four times a second for nothing.
    let isBehind: Bool? = try await postgres.first(
      "SELECT EXISTS (SELECT FROM events WHERE sequence > (SELECT size FROM log_tree)) AS behind"
    ) { (row) throws(PostgresError) in try row.decode("behind") }
    guard isBehind == true else { return 0 }
    return try await postgres.transaction { transaction in
      guard let state = try await TreeState(lockedIn: transaction) else { return 0 }
      let events = try await Self.events(behind: state.size, in: transaction)
      guard !events.isEmpty else { return 0 }
      var tree = try await verifiedTree(state, in: transaction)
      var expected = Int64(clamping: state.size)
      for event in events {
        expected += 1
        guard event.sequence == expected else { throw LogDamage.gap(at: expected) }
      }
      let leaves = try await SealedLeaves(sealing: events, in: transaction)
      for leaf in leaves.leaves { try tree.append(.ofLeaf(leaf)) }
      try await leaves.insert(in: transaction)
      try await store(tree, in: transaction)
      metrics.grew(to: tree.size)
      return events.count
    }
  }

  private static func events(
    behind size: UInt64, in transaction: PostgresTransaction
  ) async throws(PostgresError) -> [RecordedEvent] {
    try await transaction.all(
      """
      SELECT sequence, id, time, actor_type, actor_id, actor_name, action, target_type, target_id,
             target_name, outcome, ip_address, user_agent, request_id, details, source, account_id
        FROM events
       WHERE sequence > \(Int(clamping: size))
       ORDER BY sequence LIMIT \(batchEntriesMax)
      """
    ) { (row) throws(PostgresError) in try RecordedEvent(row).canonical }
  }

  /// The tree as it is, if it is the one that was signed: nobody may have another one signed by
  /// changing hashes.
  private func verifiedTree(
    _ state: TreeState, in transaction: PostgresTransaction
  ) async throws -> GrowingTree {
    guard let note = state.checkpoint else {
      guard state.size == 0 else { throw LogDamage.noCheckpoint(size: state.size) }
      return GrowingTree()
    }
    let signed: Checkpoint
    do {
      signed = try Checkpoint.verified(note, by: signer.publicKey)
    } catch {
      throw LogDamage.foreignCheckpoint(error)
    }
    var edge = Tiles()
    let kept = try await PostgresLogStore.tiles(
      TileID.rightEdge(of: state.size), in: transaction)
    for (tile, bytes) in kept { try edge.insert(tile, bytes) }
    let tree = GrowingTree(size: state.size, rightEdge: edge)
    guard signed.size == state.size, (try? tree.root()) == signed.root else {
      throw LogDamage.otherTree(size: state.size)
    }
    return tree
  }

  private func store(_ tree: GrowingTree, in transaction: PostgresTransaction) async throws {
    let tiles = tree.changedTiles
    try await transaction.execute(
      """
      INSERT INTO log_tiles (level, index, hashes)
      SELECT level, index, hashes
        FROM unnest(\(tiles.map { Int32($0.tile.level) }),
                    \(tiles.map { Int(clamping: $0.tile.index) }),
                    \(ByteArrays(tiles.map(\.bytes)))) AS t (level, index, hashes)
      ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes
      """)
    let checkpoint = Checkpoint(
      origin: signer.publicKey.name, size: tree.size, root: try tree.root())
    let note = try signer.sign(checkpoint.text).serialized
    try await transaction.execute(
      """
      UPDATE log_tree
         SET size = \(Int(clamping: tree.size)), checkpoint = \(note),
             checkpoint_time = clock_timestamp()
      """)
  }
}

/// The row that says what the tree is.
private struct TreeState {
  let size: UInt64
  let checkpoint: String?

  /// Nil while another process adds to the tree.
  init?(lockedIn transaction: PostgresTransaction) async throws(PostgresError) {
    let row = try await transaction.first(
      "SELECT size, checkpoint FROM log_tree FOR UPDATE SKIP LOCKED"
    ) { (row) throws(PostgresError) in
      (
        size: try row.decode("size", as: Int.self),
        checkpoint: try row.decode("checkpoint", as: String?.self)
      )
    }
    guard let row else { return nil }
    size = UInt64(clamping: row.size)
    checkpoint = row.checkpoint
  }
}

/// What keeps the log from being signed: somebody has changed what only this service may.
enum LogDamage: Error, Hashable, CustomStringConvertible {
  /// The entry was appended and isn't there any more.
  case gap(at: Int64)
  case noCheckpoint(size: UInt64)
  case foreignCheckpoint(Checkpoint.Problem)
  /// The hashes are not those of the tree that was signed.
  case otherTree(size: UInt64)

  var description: String {
    switch self {
    case .gap(let sequence): "entry \(sequence) is missing"
    case .noCheckpoint(let size): "the tree has \(size) entries and was never signed"
    case .foreignCheckpoint(let problem):
      "the last checkpoint isn't signed by LOG_SIGNING_KEY (\(problem)); restore the key with "
        + "which it was"
    case .otherTree(let size):
      "the tree's hashes are not those of the \(size) entries that were signed"
    }
  }
}
