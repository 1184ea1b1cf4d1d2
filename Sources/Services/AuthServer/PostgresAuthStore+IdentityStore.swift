import Auth
import FoundationEssentials
import Identity
import Postgres

/// Identities at providers, and ways back that have been used.
extension PostgresAuthStore: IdentityStore {
  func identities(of account: UserID) async throws(AuthError) -> [LinkedIdentity] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT id, account_id, issuer, subject, email, create_time, last_use_time
          FROM identities
         WHERE account_id = \(account.uuid)
         ORDER BY create_time DESC, id
        """, as: LinkedIdentity.init(row:))
    }
  }

  func identity(issuer: String, subject: String) async throws(AuthError) -> LinkedIdentity? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT id, account_id, issuer, subject, email, create_time, last_use_time
          FROM identities
         WHERE issuer = \(issuer) AND subject = \(subject)
        """, as: LinkedIdentity.init(row:))
    }
  }

  func use(
    _ identity: UUID, flowHash: [UInt8], flowEnd: Date, at now: Date
  ) async throws(AuthError) {
    try await transaction { transaction in
      try await useUp(flowHash, until: flowEnd, or: .flowOver, in: transaction)
      try await transaction.execute(
        "UPDATE identities SET last_use_time = \(now) WHERE id = \(identity)")
    }
  }

  /// The part of a change that is about identities; the account's row is locked.
  func applyToIdentities(
    _ change: AccountChange, of account: UserID, in transaction: PostgresTransaction
  ) async throws {
    if let id = change.removedIdentity {
      let count = try await transaction.execute(
        "DELETE FROM identities WHERE id = \(id) AND account_id = \(account.uuid)")
      guard count == 1 else { throw AuthError.notFound }
    }
    guard let new = change.newIdentity else { return }
    try await insert(new, in: transaction)
  }

  func insert(_ new: NewIdentity, in transaction: PostgresTransaction) async throws {
    try await useUp(new.flowHash, until: new.flowEnd, or: .flowOver, in: transaction)
    let identity = new.identity
    let count = try await transaction.execute(
      """
      INSERT INTO identities (id, account_id, issuer, subject, email, create_time)
      SELECT \(identity.id), \(identity.accountID.uuid), \(identity.issuer), \(identity.subject),
             \(identity.email), \(identity.createTime)
       WHERE (SELECT count(*) FROM identities WHERE account_id = \(identity.accountID.uuid))
             < \(LinkedIdentity.perAccountMax)
      """)
    guard count == 1 else { throw AuthError.tooManyIdentities }
  }
}

extension LinkedIdentity {
  init(row: PostgresRow) throws(PostgresError) {
    self.init(
      id: try row.decode("id"), accountID: UserID(try row.decode("account_id")),
      issuer: try row.decode("issuer"), subject: try row.decode("subject"),
      email: try row.decode("email"), createTime: try row.decode("create_time"),
      lastUseTime: try row.decode("last_use_time"))
  }
}
