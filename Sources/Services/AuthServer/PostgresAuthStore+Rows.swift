import Auth
import Identity
import Postgres

extension Account {
  init(row: PostgresRow) throws(PostgresError) {
    self.init(
      id: UserID(try row.decode("account_id")),
      email: EmailAddress(stored: try row.decode("email")),
      displayName: DisplayName(stored: try row.decode("display_name")),
      createTime: try row.decode("account_create_time"))
  }
}

extension Session {
  init(row: PostgresRow) throws(PostgresError) {
    self.init(
      id: try row.decode("id"), accountID: UserID(try row.decode("account_id")),
      createTime: try row.decode("create_time"), lastSeenTime: try row.decode("last_seen_time"),
      expireTime: try row.decode("expire_time"),
      origin: CallOrigin(
        ipAddress: try row.decode("ip_address"), userAgent: try row.decode("user_agent"),
        requestID: try row.decode("request_id")))
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
  }
}
