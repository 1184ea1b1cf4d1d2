import Auth
import FoundationEssentials
import Identity
import Outbox
import Postgres
import Receipts
import UseCases

/// Access tokens, of one's own and derived ones.
extension PostgresAuthStore {
  private static let columns: PostgresQuery = """
    c.id, c.account_id, c.name, c.hint, c.scope, c.create_time, c.expire_time, c.last_use_time,
    c.last_use_address, c.providers, c.labels, c.models, c.networks, c.old_expire_time,
    c.parent_token_id, c.parent_session_id, c.depth
    """

  func insert(
    _ token: AccessToken, hash: [UInt8], countMax: Int, receipt: Receipt
  ) async throws(AuthError) {
    try await transaction { transaction in
      let count = try await Self.count(
        "depth = 0", of: token, in: transaction)
      guard count < countMax else { throw AuthError.tooManyAccessTokens }
      try await insert(token, hash: hash, in: transaction)
      try await outbox.insert(receipt, in: transaction)
    } refusal: { error in
      // The account went away while its assertion was still valid.
      error.isForeignKeyViolation() ? .unauthenticated : nil
    }
  }

  func insertDerived(
    _ token: AccessToken, hash: [UInt8], receipt: Receipt
  ) async throws(AuthError) {
    try await transaction { transaction in
      let alive: PostgresQuery = "depth > 0 AND expire_time > \(token.createTime)"
      let inAccount = try await Self.count(alive, of: token, in: transaction)
      let siblings = try await Self.count(
        "\(alive) AND \(Self.isDerived(from: token.parent?.id))", of: token, in: transaction)
      guard inAccount < AccessToken.derivedPerAccountMax,
        siblings < AccessToken.derivedPerParentMax
      else { throw AuthError.tooManyDerivedTokens }
      try await insert(token, hash: hash, in: transaction)
      try await outbox.insert(receipt, in: transaction)
    } refusal: { error in
      // What it was to be derived from went away.
      error.isForeignKeyViolation() ? .unauthenticated : nil
    }
  }

  /// Whoever creates another token for this account at the same time counts after us.
  private static func count(
    _ condition: PostgresQuery, of token: AccessToken, in transaction: PostgresTransaction
  ) async throws -> Int {
    _ = try await transaction.rows(
      "SELECT id FROM accounts WHERE id = \(token.accountID.uuid) FOR UPDATE")
    return try await transaction.first(
      """
      SELECT count(*) AS count FROM access_tokens AS c
       WHERE account_id = \(token.accountID.uuid) AND \(condition)
      """
    ) { row throws(PostgresError) in try row.decode("count", as: Int.self) } ?? 0
  }

  private func insert(
    _ token: AccessToken, hash: [UInt8], in transaction: PostgresTransaction
  ) async throws(PostgresError) {
    var (parentToken, parentSession): (UUID?, UUID?)
    switch token.parent {
    case .accessToken(let id): parentToken = id
    case .session(let id): parentSession = id
    case nil: break
    }
    try await transaction.execute(
      """
      INSERT INTO access_tokens (id, account_id, name, hint, scope, token_hash, create_time,
                                 expire_time, providers, labels, models, networks,
                                 parent_token_id, parent_session_id, depth, code)
      VALUES (\(token.id), \(token.accountID.uuid), \(token.name), \(token.hint),
              \(token.scopes.text), \(hash), \(token.createTime), \(token.expireTime),
              \(token.limits.providers), \(token.limits.labels), \(token.limits.models),
              \(token.limits.networks), \(parentToken), \(parentSession), \(token.depth),
              \(codes.code(of: token, tokenHash: hash)))
      """)
  }

  // MARK: Reading

  func accessToken(
    hash: [UInt8]
  ) async throws(AuthError) -> (token: AccessToken, isOld: Bool, account: Account)? {
    let found = try await credential(
      in: "access_tokens",
      columns: """
        \(Self.columns), c.token_hash <> \(hash) AS is_old,
        CASE WHEN c.token_hash = \(hash) THEN c.code ELSE c.old_code END AS code
        """, where: "c.token_hash = \(hash) OR c.old_token_hash = \(hash)"
    ) { row throws(PostgresError) in
      (token: try AccessToken(row: row), isOld: try row.decode("is_old", as: Bool.self))
    } code: { token, isOld in
      codes.code(of: token, tokenHash: hash, isOld: isOld)
    }
    return found.map { (token: $0.0.0, isOld: $0.0.1, account: $0.1) }
  }

  func accessToken(_ id: UUID, of account: UserID) async throws(AuthError) -> AccessToken? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT \(Self.columns) FROM access_tokens AS c
         WHERE id = \(id) AND account_id = \(account.uuid)
        """, as: AccessToken.init(row:))
    }
  }

  func storedAccessToken(_ id: UUID, of account: UserID) async throws(AuthError) -> AccessToken? {
    try await accessToken(id, of: account)
  }

  func noteUse(accessToken id: UUID, at now: Date, from address: String) {
    uses.note(accessToken: id, at: now, from: address)
  }

  func accessTokens(
    of account: UserID, derivedFrom parent: UUID?, behind position: PagePosition?, limit: Int
  ) async throws(AuthError) -> [AccessToken] {
    try await query { postgres throws(PostgresError) in
      try await postgres.all(
        """
        SELECT \(Self.columns) FROM access_tokens AS c
         WHERE account_id = \(account.uuid) AND \(Self.isDerived(from: parent))
           AND (\(position?.time)::timestamptz IS NULL
                OR (create_time, id) < (\(position?.time), \(position?.id)))
         ORDER BY create_time DESC, id DESC
         LIMIT \(limit)
        """, as: AccessToken.init(row:))
    }
  }

  private static func isDerived(from parent: UUID?) -> PostgresQuery {
    guard let parent else { return "depth = 0" }
    return "(parent_token_id = \(parent) OR parent_session_id = \(parent))"
  }

  func session(_ id: UUID, of account: UserID) async throws(AuthError) -> Session? {
    try await query { postgres throws(PostgresError) in
      try await postgres.first(
        """
        SELECT id, account_id, create_time, last_seen_time, expire_time, ip_address, user_agent,
               request_id, confirm_time
          FROM sessions
         WHERE id = \(id) AND account_id = \(account.uuid)
        """, as: Session.init(row:))
    }
  }

  // MARK: Ending

  func deleteAccessToken(
    _ id: UUID, of account: UserID, receipt: @Sendable (AccessToken) -> Receipt
  ) async throws(AuthError) {
    try await transaction { transaction in
      let token = try await transaction.first(
        """
        DELETE FROM access_tokens AS c WHERE id = \(id) AND account_id = \(account.uuid)
        RETURNING \(Self.columns)
        """, as: AccessToken.init(row:))
      guard let token else { throw AuthError.notFound }
      try await outbox.insert(receipt(token), in: transaction)
    }
  }

  func rotate(_ token: AccessToken, hash: [UInt8], receipt: Receipt) async throws(AuthError) {
    try await transaction { transaction in
      let stored = try await transaction.first(
        """
        SELECT \(Self.columns), c.token_hash, c.code FROM access_tokens AS c
         WHERE id = \(token.id) AND account_id = \(token.accountID.uuid) FOR UPDATE
        """
      ) { row throws(PostgresError) in
        (
          token: try AccessToken(row: row), hash: try row.decode("token_hash", as: [UInt8].self),
          code: try row.decode("code", as: [UInt8]?.self)
        )
      }
      // A row that this service hasn't written must not get a code by being rotated.
      guard let stored,
        codes.isRight(stored.code, codes.code(of: stored.token, tokenHash: stored.hash))
      else { throw AuthError.notFound }
      let oldHash = token.oldSecretExpireTime.map { _ in stored.hash }
      let oldCode = oldHash.map { codes.code(of: token, tokenHash: $0, isOld: true) }
      try await transaction.execute(
        """
        UPDATE access_tokens
           SET old_token_hash = \(oldHash),
               old_expire_time = \(token.oldSecretExpireTime),
               old_code = \(oldCode),
               token_hash = \(hash), hint = \(token.hint),
               code = \(codes.code(of: token, tokenHash: hash))
         WHERE id = \(token.id) AND account_id = \(token.accountID.uuid)
        """)
      if token.oldSecretExpireTime == nil {
        try await transaction.execute(
          "DELETE FROM access_tokens WHERE parent_token_id = \(token.id)")
      }
      try await outbox.insert(receipt, in: transaction)
    }
  }

  func deleteAccessTokens(
    overAt now: Date, ownSince threshold: Date
  ) async throws(AuthError) -> Int {
    try await sweep(Leftovers.accessTokensOver(at: now, ownSince: threshold))
  }

  func deleteUnknownLogIns(before threshold: Date) async throws(AuthError) {
    _ = try await sweep(Leftovers.unknownLogIns(before: threshold))
  }
}

extension AccessToken {
  init(row: PostgresRow) throws(PostgresError) {
    self.init(
      id: try row.decode("id"), accountID: UserID(try row.decode("account_id")),
      name: try row.decode("name"), hint: try row.decode("hint"),
      scopes: Scopes(text: try row.decode("scope")),
      createTime: try row.decode("create_time"), expireTime: try row.decode("expire_time"),
      lastUseTime: try row.decode("last_use_time"))
    lastUseAddress = try row.decode("last_use_address")
    limits = AccessLimits(
      providers: try row.decode("providers"), labels: try row.decode("labels"),
      models: try row.decode("models"), networks: try row.decode("networks"))
    depth = try row.decode("depth")
    oldSecretExpireTime = try row.decode("old_expire_time")
    let parentToken: UUID? = try row.decode("parent_token_id")
    let parentSession: UUID? = try row.decode("parent_session_id")
    parent = parentToken.map { .accessToken($0) } ?? parentSession.map { .session($0) }
  }
}
