import Auth
import FoundationEssentials
import Identity
import Postgres

/// The table of mails that are owed.
struct MailQueue: Sendable {
  /// Mails that one look takes.
  static let batchMax = 8
  /// How long whoever takes a mail has for it before another process tries.
  static let lease: Duration = .seconds(120)

  /// For the one relay of the process; announcements that pile up count as one.
  let arrivals: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() {
    (arrivals, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  func announce() { continuation.yield() }

  /// Writes mails in the transaction of what they tell of.
  func insert(
    _ orders: [MailOrder], in transaction: PostgresTransaction
  ) async throws(PostgresError) {
    guard !orders.isEmpty else { return }
    for order in orders {
      try await transaction.execute(
        """
        INSERT INTO mails (id, occasion, account_id, email, device, ip_address, create_time,
                           about_id, about_name)
        VALUES (\(order.id), \(order.occasion.rawValue), \(order.accountID?.uuid),
                \(order.email.text), \(order.device), \(order.ipAddress), \(order.createTime),
                \(order.about?.id ?? ""), \(order.about?.name ?? ""))
        ON CONFLICT (id) DO NOTHING
        """)
    }
    transaction.afterCommit { announce() }
  }

  /// A mail that is due, and how often it was tried, this time included.
  struct Due: Sendable {
    let order: MailOrder
    let attempts: Int
  }

  /// Takes mails that are due, oldest first, so that for the time of the lease no other process
  /// does. One of an occasion that this version doesn't know is left for a newer process.
  func take(in postgres: PostgresClient) async throws(PostgresError) -> [Due] {
    try await postgres.all(
      """
      UPDATE mails AS m
         SET attempts = m.attempts + 1,
             retry_time = now() + \(Self.lease / .seconds(1)) * interval '1 second'
        FROM (SELECT id
                FROM mails
               WHERE retry_time <= now()
                 AND occasion = ANY(\(MailOrder.Occasion.allCases.map(\.rawValue)))
               ORDER BY retry_time, create_time
               LIMIT \(Self.batchMax)
                 FOR UPDATE SKIP LOCKED) AS due
       WHERE m.id = due.id
      RETURNING m.id, m.occasion, m.account_id, m.email, m.device, m.ip_address, m.create_time,
                m.attempts, m.about_id, m.about_name
      """, as: Due.init(row:))
  }

  func delete(_ id: UUID, in postgres: PostgresClient) async throws(PostgresError) {
    try await postgres.execute("DELETE FROM mails WHERE id = \(id)")
  }

  /// Has a mail tried again after `delay`.
  func putOff(
    _ id: UUID, by delay: Duration, in postgres: PostgresClient
  ) async throws(PostgresError) {
    try await postgres.execute(
      """
      UPDATE mails SET retry_time = now() + \(delay / .seconds(1)) * interval '1 second'
       WHERE id = \(id)
      """)
  }

  /// How many mails wait, counted up to `countMax`, and for how many seconds the oldest has.
  func waiting(
    countMax: Int, in postgres: PostgresClient
  ) async throws(PostgresError) -> (count: Int, ageSeconds: Int) {
    let found = try await postgres.first(
      """
      SELECT (SELECT count(*) FROM (SELECT FROM mails LIMIT \(countMax)) AS waiting) AS waiting,
             coalesce((SELECT extract(epoch FROM now() - min(create_time))::bigint FROM mails), 0)
               AS age
      """
    ) { row throws(PostgresError) in
      (count: try row.decode("waiting", as: Int.self), age: try row.decode("age", as: Int.self))
    }
    return found.map { ($0.count, max(0, $0.age)) } ?? (0, 0)
  }
}

extension MailQueue.Due {
  init(row: PostgresRow) throws(PostgresError) {
    let occasion: String = try row.decode("occasion")
    let accountID: UUID? = try row.decode("account_id")
    let aboutID: String = try row.decode("about_id")
    order = MailOrder(
      id: try row.decode("id"),
      // The statement asks for those of this version only.
      MailOrder.Occasion(rawValue: occasion) ?? .confirmAddress,
      to: EmailAddress(stored: try row.decode("email")), of: accountID.map(UserID.init(_:)),
      device: try row.decode("device"), ipAddress: try row.decode("ip_address"),
      at: try row.decode("create_time"),
      about: aboutID.isEmpty
        ? nil : MailOrder.About(id: aboutID, name: try row.decode("about_name")))
    attempts = try row.decode("attempts")
  }
}
