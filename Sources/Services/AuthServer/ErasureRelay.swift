import Auth
import FoundationEssentials
import Logging
import Metrics
import Pacing
import Postgres
import RPC
import ServiceAPI
import ServiceLifecycle

/// Deletes accounts whose time has come, and tells vault and audit of each: at least once, until
/// both have destroyed what they had. Any number of processes may run one on the same table.
struct ErasureRelay: Service {
  /// How often the tables are looked at: a deletion that was begun is no older than this.
  static let pollInterval: Duration = .seconds(1)
  /// Accounts that one look takes.
  static let batchMax = 8
  /// How long whoever takes an account has for it before another process tries.
  static let lease: Duration = .seconds(30)
  /// Between two tries of one account.
  static let backoff = Backoff.doubling(from: .seconds(1), to: .seconds(300))
  static let callTimeout: Duration = .seconds(10)
  /// Calls of audit for one account in one try: each goes through a part of its log, and all of
  /// them together fit into the lease.
  static let auditCallsMax = 10

  let accounts: AccountService
  let postgres: PostgresClient
  let vault: any RPCChannel
  let audit: any RPCChannel
  let logger: Logger
  private let metrics = ErasureMetrics()

  init(
    accounts: AccountService, postgres: PostgresClient, vault: any RPCChannel,
    audit: any RPCChannel, logger: Logger
  ) {
    self.accounts = accounts
    self.postgres = postgres
    self.vault = vault
    self.audit = audit
    self.logger = logger
  }

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        do {
          try await eraseAll()
        } catch is CancellationError {
          break
        } catch {
          logger.warning("accounts could not be deleted", metadata: ["error": "\(error)"])
        }
        try await Task.sleep(for: Self.pollInterval)
      }
    }
  }

  /// Deletes what is due and tells of it, batch after batch.
  func eraseAll() async throws {
    while try await accounts.eraseDueAccounts() == AccountService.erasuresPerBatchMax {}
    while true {
      let due = try await take()
      for erasure in due { try await tell(erasure) }
      guard due.count == Self.batchMax else { break }
    }
    try await metrics.measure(postgres)
  }

  private struct Due: Sendable {
    let accountID: UUID
    let attempts: Int
    let isDoneInVault: Bool
    let isDoneInAudit: Bool

    init(_ row: PostgresRow) throws(PostgresError) {
      accountID = try row.decode("account_id")
      attempts = try row.decode("attempts")
      isDoneInVault = try row.decode("in_vault")
      isDoneInAudit = try row.decode("in_audit")
    }
  }

  private func take() async throws(PostgresError) -> [Due] {
    try await postgres.all(
      """
      UPDATE erasures AS e
         SET attempts = e.attempts + 1,
             retry_time = now() + \(Self.lease / .seconds(1)) * interval '1 second'
        FROM (SELECT account_id FROM erasures
               WHERE retry_time <= now() AND (vault_time IS NULL OR audit_time IS NULL)
               ORDER BY retry_time
               LIMIT \(Self.batchMax)
                 FOR UPDATE SKIP LOCKED) AS due
       WHERE e.account_id = due.account_id
      RETURNING e.account_id, e.attempts, e.vault_time IS NOT NULL AS in_vault,
                e.audit_time IS NOT NULL AS in_audit
      """, as: Due.init(_:))
  }

  /// The keys first: what is left of them when the rest fails is nothing.
  private func tell(_ due: Due) async throws(PostgresError) {
    let id = due.accountID
    do {
      if !due.isDoneInVault {
        let _: VaultAPI.EraseAccountResponse = try await vault.unary(
          VaultAPI.VaultMethods.eraseAccount,
          VaultAPI.EraseAccountRequest(accountId: id.uuidString.lowercased()),
          options: CallOptions(timeout: Self.callTimeout))
        try await postgres.execute(
          "UPDATE erasures SET vault_time = now() WHERE account_id = \(id)")
      }
      if !due.isDoneInAudit {
        let isDone = try await eraseFromAudit(id)
        // The rest of a long log comes next, without a wait.
        try await postgres.execute(
          """
          UPDATE erasures
             SET audit_time = CASE WHEN \(isDone) THEN now() END, retry_time = now()
           WHERE account_id = \(id)
          """)
      }
    } catch {
      logger.log(
        level: due.attempts == 1 ? .warning : .notice, "a deletion waits: it could not be told",
        metadata: ["account": "\(id)", "attempt": "\(due.attempts)", "error": "\(error)"])
      let wait = Self.backoff.wait(afterFailures: due.attempts)
      try await postgres.execute(
        """
        UPDATE erasures SET retry_time = now() + \(wait / .seconds(1)) * interval '1 second'
         WHERE account_id = \(id)
        """)
    }
  }

  /// Whether the end was reached.
  private func eraseFromAudit(_ id: UUID) async throws -> Bool {
    for _ in 0..<Self.auditCallsMax {
      let answer: AuditAPI.EraseAccountResponse = try await audit.unary(
        AuditAPI.AuditMethods.eraseAccount,
        AuditAPI.EraseAccountRequest(accountId: id.uuidString.lowercased()),
        options: CallOptions(timeout: Self.callTimeout))
      if answer.isComplete { return true }
    }
    return false
  }
}

/// Deletions that are not at their end.
private final class ErasureMetrics: Sendable {
  /// What is counted at the most: beyond it the exact number tells nobody anything.
  private static let countMax = 10_000

  private let waiting = Meter(label: "erasures.waiting")
  private let oldestAge = Meter(label: "erasures.oldest.age")

  /// Reads the numbers from the table.
  func measure(_ postgres: PostgresClient) async throws(PostgresError) {
    let numbers = try await postgres.first(
      """
      SELECT count(*) AS waiting,
             coalesce(extract(epoch FROM now() - min(erase_time))::bigint, 0) AS age
        FROM (SELECT erase_time FROM erasures
               WHERE vault_time IS NULL OR audit_time IS NULL LIMIT \(Self.countMax)) AS waiting
      """
    ) { row throws(PostgresError) in
      (waiting: try row.decode("waiting", as: Int.self), age: try row.decode("age", as: Int.self))
    }
    guard let numbers else { return }
    waiting.set(numbers.waiting)
    oldestAge.set(max(0, numbers.age))
  }
}
