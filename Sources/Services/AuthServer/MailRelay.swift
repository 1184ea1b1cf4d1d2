import Auth
import FoundationEssentials
import Logging
import Mail
import Metrics
import Pacing
import Postgres
import ServiceLifecycle

/// Sends the mails that are owed: each at least once, and again while the server can't be reached.
/// Any number of processes may run one on the same table.
struct MailRelay: Service {
  /// How often the table is looked at although nothing was announced.
  static let pollInterval: Duration = .seconds(2)
  /// Between two tries of one mail.
  static let backoff = Backoff.doubling(from: .seconds(5), to: .seconds(1_800))
  /// A mail that couldn't be sent for so long tells of nothing that is of use any more.
  static let ageMax: Duration = .seconds(2 * 86_400)
  private static let countMax = 10_000

  private let queue: MailQueue
  private let postgres: PostgresClient
  private let transport: any MailTransport
  private let sender: MailAddress
  private let links: LinkIssuer
  private let accounts: AccountService
  private let portal: String
  private let logger: Logger
  private let metrics = MailMetrics()

  init(
    queue: MailQueue, postgres: PostgresClient, transport: any MailTransport,
    sender: MailAddress, links: LinkIssuer, accounts: AccountService, portal: String, logger: Logger
  ) {
    self.queue = queue
    self.postgres = postgres
    self.transport = transport
    self.sender = sender
    self.links = links
    self.accounts = accounts
    self.portal = portal
    self.logger = logger
  }

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      try await withThrowingDiscardingTaskGroup { group in
        group.addTask {
          while true {
            queue.announce()
            try await Task.sleep(for: Self.pollInterval)
          }
        }
        for await _ in queue.arrivals {
          do {
            try await sendAll()
          } catch is CancellationError {
            break
          } catch {
            logger.warning("mails could not be looked at", metadata: ["error": "\(error)"])
          }
        }
        group.cancelAll()
      }
    }
  }

  /// Sends what is due, batch after batch.
  func sendAll() async throws {
    while true {
      let due = try await queue.take(in: postgres)
      await withDiscardingTaskGroup { group in
        for mail in due { group.addTask { await send(mail) } }
      }
      let (count, age) = try await queue.waiting(countMax: Self.countMax, in: postgres)
      metrics.waiting.set(count)
      metrics.oldestAge.set(age)
      guard due.count == MailQueue.batchMax, !Task.isCancelled else { return }
    }
  }

  private func send(_ due: MailQueue.Due) async {
    var order = due.order
    do {
      let now = Date()
      if order.occasion.needsAddressee, order.accountID == nil {
        guard let addressed = try await accounts.addressee(of: order, isFirst: due.attempts == 1)
        else { return try await queue.delete(order.id, in: postgres) }
        order = addressed
      }
      var link: String?
      if let purpose = order.occasion.purpose {
        link = try await links.issue(
          purpose, for: order.accountID, email: order.email, at: now)
      }
      let letter = Letter(order, link: link, portal: portal)
      guard let recipient = MailAddress(order.email.text) else {
        throw MailError.refused(code: 553, detail: "not an address that mail can be sent to")
      }
      try await transport.send(
        MailMessage(
          id: order.id, from: sender, to: recipient, subject: letter.subject, text: letter.text,
          html: letter.html, time: order.createTime))
      metrics.sent.increment()
      try await queue.delete(order.id, in: postgres)
    } catch {
      await settle(due, after: error)
    }
  }

  /// Neither the address nor what it is told stands in the log.
  private func settle(_ due: MailQueue.Due, after error: any Error) async {
    let order = due.order
    let age = Duration.seconds(max(0, Date().timeIntervalSince(order.createTime)))
    let metadata: Logger.Metadata = [
      "mail": "\(order.id)", "occasion": "\(order.occasion.rawValue)",
      "attempt": "\(due.attempts)", "error": "\(error)",
    ]
    do {
      if case MailError.refused = error {
        metrics.refused.increment()
        logger.warning("a mail was refused for good", metadata: metadata)
        try await queue.delete(order.id, in: postgres)
      } else if age > Self.ageMax {
        metrics.expired.increment()
        logger.error("a mail was given up", metadata: metadata)
        try await queue.delete(order.id, in: postgres)
      } else {
        metrics.failed.increment()
        let level: Logger.Level = due.attempts == 1 ? .warning : .notice
        logger.log(level: level, "a mail waits: it could not be sent", metadata: metadata)
        try await queue.putOff(
          order.id, by: Self.backoff.wait(afterFailures: due.attempts), in: postgres)
      }
    } catch {
      // The lease ends by itself, and the mail is tried again.
      logger.warning("a mail could not be put off", metadata: ["error": "\(error)"])
    }
  }
}

/// What becomes of mails.
private final class MailMetrics: Sendable {
  let waiting = Meter(label: "mail.waiting")
  let oldestAge = Meter(label: "mail.oldest.age")
  let sent = Counter(label: "mail.attempts", dimensions: [("outcome", "sent")])
  let failed = Counter(label: "mail.attempts", dimensions: [("outcome", "failed")])
  let refused = Counter(label: "mail.attempts", dimensions: [("outcome", "refused")])
  let expired = Counter(label: "mail.attempts", dimensions: [("outcome", "expired")])
}
