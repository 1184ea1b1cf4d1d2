import Callers
import Cryptography
import Foundation
import Identity
import Logging
import Mail
import OpenIDConnect
import Outbox
import Postgres
import Protobuf
import RPC
import RPCInProcess
import ServiceAPI
import ServiceRuntime
import Synchronization
import TestSupport
import Testing
import WebAuthn

@testable import Auth
@testable import AuthServer

/// All of auth on a database of its own, with a clock that tests move and a folder for mails.
final class AuthBench: Sendable {
  static let password = "tr0ubador and the horse"
  static let portal = "https://keys.example.com"
  static let origin = CallOrigin(
    ipAddress: "192.0.2.7", userAgent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
    requestID: "request-1")

  let database: ServiceDatabase
  let mailbox: Mailbox
  let gateway: AuthAPI.AuthClient
  let operators: AuthAPI.AuthClient
  let clock = BenchClock()
  let queue = MailQueue()
  let uses: UseNotes
  private let store: PostgresAuthStore
  private let links: LinkIssuer
  private let accounts: AccountService

  init(
    _ policy: AccountPolicy = AccountPolicy(sendsMail: true),
    rates: AttemptLimits.Rates = .generous, provider: OpenIDTestProvider? = nil,
    trustsIt: Bool = true
  ) async throws {
    database = try await ServiceDatabase(schema: "auth", migrations: AuthSchema.migrations)
    mailbox = Mailbox(path: "/tmp/chatelaine-mail-\(UUID().uuidString)")
    let postgres = database.postgres
    uses = UseNotes(postgres: postgres, logger: .silent)
    store = PostgresAuthStore(
      postgres: postgres, outbox: PostgresOutbox(), uses: uses, mails: queue,
      codes: try AccountKeys.forTests.codes)
    links = LinkIssuer(store: store, portal: Self.portal)
    let signer = AssertionSigner(key: try .generate())
    let passwords = PasswordHashingPool(hasher: .cheap, threadCount: 1)
    let limits = AttemptLimits(rates, store: PostgresAttemptStore(postgres: postgres))
    let clock = clock
    let passkeys = Passkeys(
      store: store,
      relyingParty: RelyingParty(
        id: "keys.example.com", name: "Chatelaine", origins: [Self.portal]),
      keys: try .forTests)
    let federation = Federation(
      providers: OpenIDProviders(
        provider.map { [IdentityProviderSettings.corp($0)] } ?? [],
        fetch: HTTPSFetch(authorityFile: trustsIt ? provider?.authorityFile : nil),
        portal: Self.portal, logger: .silent, clock: { clock.now }),
      store: store, keys: try .forTests)
    let auth = AuthService(
      store: store, passwords: passwords, assertions: SignedAssertionIssuer(signer: signer),
      accounts: policy, limits: limits, secondFactors: (store, try .forTests),
      passkeys: passkeys, federation: federation, clock: { clock.now })
    accounts = AccountService(
      store: store, passwords: passwords, limits: limits, policy: policy, links: links,
      keys: try .forTests, passkeys: passkeys, federation: federation, clock: { clock.now })
    let handler = AuthHandler(
      auth: auth, accounts: accounts,
      revocations: RevocationFeed(postgres: postgres, logger: .silent))
    func client(_ identity: String) -> AuthAPI.AuthClient {
      let interceptors = ServiceChassis.interceptors(
        AuthServer.callPolicy(
          AssertionVerifier(
            publicKeys: [signer.verifyingKey], audience: .auth, now: { clock.now })),
        logger: .silent)
      return AuthAPI.AuthClient(
        channel: InProcessChannel(
          services: [OwnersMethods(base: handler, auth: auth)], interceptors: interceptors,
          peer: Peer(address: "test", identities: [identity])))
    }
    gateway = client(PeerIdentity.gateway)
    operators = client(PeerIdentity.operator)
  }

  deinit { try? FileManager.default.removeItem(atPath: mailbox.path) }

  func relay(_ transport: (any MailTransport)? = nil) throws -> MailRelay {
    MailRelay(
      queue: queue, postgres: database.postgres, transport: transport ?? mailbox,
      sender: try #require(MailAddress("portal@example.com")), links: links,
      accounts: accounts, portal: Self.portal, logger: .silent)
  }

  func erasureRelay(over channel: any RPCChannel) -> ErasureRelay {
    ErasureRelay(
      accounts: accounts, postgres: database.postgres, vault: channel, audit: channel,
      logger: .silent)
  }

  // MARK: People

  let nobody = CallOptions.acting(with: nil, origin: AuthBench.origin)

  func newEmail() -> String { "ann-\(UUID().uuidString.lowercased())@example.com" }

  @discardableResult
  func signUp(
    _ email: String, password: String = AuthBench.password, invitation: String = ""
  ) async throws -> AuthAPI.Account {
    try await gateway.createAccount(
      AuthAPI.CreateAccountRequest(
        email: email, password: password, displayName: "Ann", invitation: invitation),
      options: nobody)
  }

  /// The session's token and options with its assertion.
  func logIn(
    _ email: String, password: String = AuthBench.password, userAgent: String? = nil
  ) async throws -> (token: String, options: CallOptions) {
    var origin = Self.origin
    if let userAgent { origin = CallOrigin(ipAddress: "192.0.2.8", userAgent: userAgent) }
    let session = try await gateway.createSession(
      AuthAPI.CreateSessionRequest(email: email, password: password),
      options: .acting(with: nil, origin: origin))
    return (session.sessionToken, try await options(session.sessionToken))
  }

  func options(_ sessionToken: String) async throws -> CallOptions {
    let answer = try await gateway.authenticate(
      AuthAPI.AuthenticateRequest(credential: .sessionToken(sessionToken)), options: nobody)
    return .acting(with: answer.assertion, origin: Self.origin)
  }

  func isAlive(_ sessionToken: String) async -> Bool {
    (try? await options(sessionToken)) != nil
  }

  // MARK: Mails

  /// Sends what is owed; returns what the address got, oldest first.
  func mails(to email: String) async throws -> [Mailbox.Mail] {
    try await relay().sendAll()
    return try mailbox.mails().filter { $0.to == email }
  }

  /// The token of the last link that the address got.
  func token(to email: String) async throws -> String {
    let text = try #require(try await mails(to: email).last).text
    let match = try #require(text.firstMatch(of: /(?:token|invitation)=(chl_[A-Za-z0-9_-]+)/))
    return String(match.1)
  }

  // MARK: Traces

  /// Of what gateways are told that it is not valid any more.
  func revocationCount() async throws -> Int {
    try await database.postgres.first("SELECT count(*) AS count FROM revocations") {
      row throws(PostgresError) in try row.decode("count", as: Int.self)
    } ?? 0
  }

  func sweepSessions() async throws -> Int {
    try await store.deleteSessions(
      overAt: Date(), orUnseenSince: Date().addingTimeInterval(-7 * 86_400))
  }

  /// Forgets what is over; returns how many links there were.
  func sweep() async throws -> Int { try await accounts.removeEndedLinks() }

  func usedChallenges() async throws -> Int {
    try await database.superuser.first("SELECT count(*) AS n FROM auth.used_challenges") {
      row throws(PostgresError) in try row.decode("n", as: Int.self)
    } ?? 0
  }

  /// Actions and outcomes in the account's log, oldest first.
  func log(of account: AuthAPI.Account) async throws -> [String] {
    let events = try await database.postgres.all("SELECT event FROM outbox ORDER BY position") {
      row throws(PostgresError) in try row.decode("event", as: [UInt8].self)
    }
    return try events.map { try AuditAPI.AuditEvent(unpacking: $0) }
      .filter { $0.accountId == account.id }
      .map { $0.outcome == .success ? $0.action : "\($0.action) \($0.outcome)" }
  }

  /// What a call is refused with: its code and the reason or field in its details.
  func refusal(_ body: () async throws -> some Any) async -> String? {
    do {
      _ = try await body()
      return nil
    } catch let error as RPCError {
      for detail in error.details {
        switch detail {
        case .errorInfo(let reason, _): return "\(error.code) \(reason)"
        case .badRequest(let field, _): return "\(error.code) \(field)"
        default: break
        }
      }
      return "\(error.code)"
    } catch {
      return "\(error)"
    }
  }
}

/// Time that goes on, and can be moved ahead.
final class BenchClock: Sendable {
  private let ahead = Mutex(TimeInterval(0))

  var now: Date { Date().addingTimeInterval(ahead.withLock { $0 }) }

  func advance(by seconds: TimeInterval) { ahead.withLock { $0 += seconds } }
}

extension AttemptLimits.Rates {
  /// For tests that are not about them.
  static var generous: AttemptLimits.Rates {
    var rates = AttemptLimits.Rates()
    rates.logInsPerAccount = AttemptRate(10_000, per: .seconds(60))
    rates.logInsPerSource = AttemptRate(10_000, per: .seconds(60))
    rates.signUpsPerSource = AttemptRate(10_000, per: .seconds(60))
    rates.mailsPerAddress = AttemptRate(10_000, per: .seconds(60))
    rates.mailsPerSource = AttemptRate(10_000, per: .seconds(60))
    rates.linksPerSource = AttemptRate(10_000, per: .seconds(60))
    rates.logIns = AttemptRate(100_000, per: .seconds(60))
    return rates
  }
}

extension AccountKeys {
  static var forTests: AccountKeys {
    get throws {
      try AccountKeys(derivedFrom: SecretBytes(copying: [UInt8](repeating: 7, count: 32)))
    }
  }
}

extension IdentityProviderSettings {
  static func corp(_ provider: OpenIDTestProvider) -> IdentityProviderSettings {
    IdentityProviderSettings(
      id: "corp", name: "Corp", issuer: provider.issuer, clientID: "portal",
      clientSecret: SecretBytes(utf8: "a secret/with:signs"))
  }
}

extension PasswordHasher {
  static let cheap = PasswordHasher(
    parameters: PasswordHasher.Parameters(memoryKiB: 64, iterations: 1, parallelism: 1))
}

extension Logger {
  static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
