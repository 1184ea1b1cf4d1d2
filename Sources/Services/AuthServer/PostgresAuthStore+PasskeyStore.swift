import Auth
import FoundationEssentials
import Identity
import Postgres

/// Passkeys, and challenges that have been used.
extension PostgresAuthStore: PasskeyStore {
  func passkeys(of account: UserID) async throws(AuthError) -> [Passkey] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT id, account_id, credential_id, public_key, name, sign_count, is_backup_eligible,
               is_backed_up, create_time, last_use_time
          FROM passkeys
         WHERE account_id = \(account.uuid)
         ORDER BY create_time DESC, id
        """, as: Passkey.init(row:))
    }
  }

  func passkey(credentialID: [UInt8]) async throws(AuthError) -> Passkey? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT id, account_id, credential_id, public_key, name, sign_count, is_backup_eligible,
               is_backed_up, create_time, last_use_time
          FROM passkeys
         WHERE credential_id = \(credentialID)
        """, as: Passkey.init(row:))
    }
  }

  func use(
    _ passkey: UUID, signCount: UInt32, isBackedUp: Bool, challengeHash: [UInt8],
    challengeEnd: Date, at now: Date
  ) async throws(AuthError) {
    try await transaction { transaction in
      try await useUp(
        challengeHash, until: challengeEnd, or: .passkeyRefused, in: transaction)
      let count = try await transaction.execute(
        """
        UPDATE passkeys
           SET sign_count = \(Int(signCount)), is_backed_up = \(isBackedUp), last_use_time = \(now)
         WHERE id = \(passkey)
           AND (sign_count < \(Int(signCount)) OR (sign_count = 0 AND \(Int(signCount)) = 0))
        """)
      guard count == 1 else { throw AuthError.passkeyRefused }
    }
  }

  /// Notes that a challenge has been used; throws `refusal` when it had been before.
  func useUp(
    _ challengeHash: [UInt8], until end: Date, or refusal: AuthError,
    in transaction: PostgresTransaction
  ) async throws {
    let count = try await transaction.execute(
      """
      INSERT INTO used_challenges (challenge_hash, expire_time) VALUES (\(challengeHash), \(end))
          ON CONFLICT (challenge_hash) DO NOTHING
      """)
    guard count == 1 else { throw refusal }
  }

  func rename(
    _ id: UUID, of account: UserID, to name: PasskeyName
  ) async throws(AuthError) -> Passkey {
    let renamed = try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        UPDATE passkeys SET name = \(name.text)
         WHERE id = \(id) AND account_id = \(account.uuid)
        RETURNING id, account_id, credential_id, public_key, name, sign_count, is_backup_eligible,
                  is_backed_up, create_time, last_use_time
        """, as: Passkey.init(row:))
    }
    guard let renamed else { throw .notFound }
    return renamed
  }

  func deleteUsedChallenges(overAt now: Date) async throws(AuthError) -> Int {
    try await query { postgres throws(PostgresError) in
      try await postgres.execute("DELETE FROM used_challenges WHERE expire_time <= \(now)")
    }
  }

  /// The part of a change that is about passkeys; the account's row is locked.
  func applyToPasskeys(
    _ change: AccountChange, of account: UserID, in transaction: PostgresTransaction
  ) async throws {
    if change.removesPasskeys {
      try await transaction.execute("DELETE FROM passkeys WHERE account_id = \(account.uuid)")
    }
    if let id = change.removedPasskey {
      let count = try await transaction.execute(
        "DELETE FROM passkeys WHERE id = \(id) AND account_id = \(account.uuid)")
      guard count == 1 else { throw AuthError.notFound }
    }
    guard let new = change.newPasskey else { return }
    try await useUp(
      new.challengeHash, until: new.challengeEnd, or: .passkeyRefused, in: transaction)
    let passkey = new.passkey
    let count = try await transaction.execute(
      """
      INSERT INTO passkeys
             (id, account_id, credential_id, public_key, name, sign_count, is_backup_eligible,
              is_backed_up, create_time)
      SELECT \(passkey.id), \(account.uuid), \(passkey.credentialID), \(passkey.publicKey),
             \(passkey.name.text), \(Int(passkey.signCount)), \(passkey.isBackupEligible),
             \(passkey.isBackedUp), \(passkey.createTime)
       WHERE (SELECT count(*) FROM passkeys WHERE account_id = \(account.uuid))
             < \(Passkey.perAccountMax)
      """)
    guard count == 1 else { throw AuthError.tooManyPasskeys }
  }
}

extension Passkey {
  init(row: PostgresRow) throws(PostgresError) {
    let signCount: Int = try row.decode("sign_count")
    self.init(
      id: try row.decode("id"), accountID: UserID(try row.decode("account_id")),
      credentialID: try row.decode("credential_id"), publicKey: try row.decode("public_key"),
      name: PasskeyName(stored: try row.decode("name")), signCount: UInt32(clamping: signCount),
      isBackupEligible: try row.decode("is_backup_eligible"),
      isBackedUp: try row.decode("is_backed_up"), createTime: try row.decode("create_time"),
      lastUseTime: try row.decode("last_use_time"))
  }
}
