import Audit
import Cryptography
import Identity
import Metrics
import Postgres
import TransparencyLog

/// The leaves of events that are new to the tree.
struct SealedLeaves {
  private let events: [SealedEvent]
  let leaves: [[UInt8]]

  /// Numbers the events of each account, makes a key for an account that has none, and seals.
  init(sealing events: [RecordedEvent], in transaction: PostgresTransaction) async throws {
    var counts: [UserID: Int] = [:]
    for account in events.compactMap(\.event.accountID) { counts[account, default: 0] += 1 }
    var accounts = try await Self.accounts(counts, in: transaction)
    // Of the operating system's, once for all: a call costs more than the bytes.
    let salts = try SecureRandom.bytes(events.count * EntryLeaf.saltBytes)
    var sealed: [SealedEvent] = []
    var leaves: [[UInt8]] = []
    for (index, recorded) in events.enumerated() {
      let start = index * EntryLeaf.saltBytes
      let salt = Array(salts[start..<start + EntryLeaf.saltBytes])
      var tag = EntryLeaf.tagOfNobody(salt: salt)
      var number: UInt64 = 0
      if let account = recorded.event.accountID, let chain = accounts[account] {
        number = chain.entries + 1
        accounts[account]?.entries = number
        tag = EntryLeaf.tag(ofEntry: number, accountKey: chain.key)
      }
      let event = SealedEvent(recorded, accountEntry: number, salt: salt)
      sealed.append(event)
      leaves.append(EntryLeaf.leaf(of: event.entry, tag: tag))
    }
    self.events = sealed
    self.leaves = leaves
  }

  /// What an account has: its key, and how many events before these.
  private struct AccountLog {
    let key: SecretBytes
    var entries: UInt64
  }

  private static func accounts(
    _ counts: [UserID: Int], in transaction: PostgresTransaction
  ) async throws -> [UserID: AccountLog] {
    let order = Array(counts)
    let keys = try order.map { _ in try SecureRandom.bytes(EntryLeaf.accountKeyBytes) }
    let rows = try await transaction.all(
      """
      INSERT INTO log_accounts (account_id, key, entries)
      SELECT account_id, key, entries
        FROM unnest(\(order.map(\.key.uuid)), \(ByteArrays(keys)), \(order.map(\.value)))
             AS t (account_id, key, entries)
      ON CONFLICT (account_id) DO UPDATE
         SET entries = log_accounts.entries + excluded.entries
      RETURNING account_id, key, entries
      """
    ) { (row) throws(PostgresError) in
      (
        account: UserID(try row.decode("account_id")), key: try row.decode("key", as: [UInt8].self),
        entries: try row.decode("entries", as: Int.self)
      )
    }
    var accounts: [UserID: AccountLog] = [:]
    for row in rows {
      accounts[row.account] = AccountLog(
        key: SecretBytes(copying: row.key),
        entries: UInt64(clamping: row.entries - counts[row.account, default: 0]))
    }
    return accounts
  }

  func insert(in transaction: PostgresTransaction) async throws(PostgresError) {
    try await transaction.execute(
      """
      INSERT INTO log_leaves (sequence, leaf, commitment, salt, account_id, account_entry)
      SELECT sequence, leaf, commitment, salt, nullif(account_id, '')::uuid, account_entry
        FROM unnest(\(events.map { Int(clamping: $0.recorded.sequence) }), \(ByteArrays(leaves)),
                    \(ByteArrays(events.map(\.commitment))),
                    \(ByteArrays(events.compactMap(\.salt))),
                    \(events.map { $0.recorded.event.accountID?.text ?? "" }),
                    \(events.map { Int(clamping: $0.accountEntry) }))
             AS t (sequence, leaf, commitment, salt, account_id, account_entry)
      """)
  }
}

/// How far the tree has come, and whether it is what was signed.
final class LogMetrics: Sendable {
  private let size = Meter(label: "audit.log.entries")
  private let damaged = Meter(label: "audit.log.damaged")

  func grew(to size: UInt64) { self.size.set(Int(clamping: size)) }
  func isWell(_ isWell: Bool) { damaged.set(isWell ? 0 : 1) }
}
