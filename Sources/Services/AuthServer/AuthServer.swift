internal import Auth
internal import Cryptography
internal import Outbox
internal import Postgres
internal import RPC
internal import ServiceAPI
internal import ServiceLifecycle
internal import ServiceRuntime

/// The wiring of `auth`.
enum AuthServer {
  /// Who may call what: the gateway acts for users, the operator's command line only asks to.
  static let callers: PeerAllowList.Rules = {
    let forOperators = [AuthAPI.AuthMethods.issueOperatorAssertion]
    let forUsers = AuthAPI.AuthMethods.all.filter { !forOperators.contains($0) }
    return PeerAllowList.rules(forUsers, allow: [PeerIdentity.gateway])
      .merging(PeerAllowList.rules(forOperators, allow: [PeerIdentity.operator])) { $0.union($1) }
  }()

  /// What the process runs, started in this order and stopped in reverse.
  static func services(
    _ configuration: AuthConfiguration, on chassis: ServiceChassis
  ) async throws -> [any Service] {
    let database = try await chassis.database(
      configuration.database, migrations: AuthSchema.migrations)
    let audit = chassis.client(to: configuration.auditAddress, identity: PeerIdentity.audit)
    let outbox = PostgresOutbox()
    let relay = OutboxRelay(
      outbox: outbox, postgres: database.client, audit: audit.client, logger: chassis.logger)
    let signer = AssertionSigner(key: configuration.signingKey)
    let auth = AuthService(
      store: PostgresAuthStore(postgres: database.client, outbox: outbox),
      passwords: PasswordHashingPool(threadCount: configuration.passwordThreads),
      assertions: SignedAssertionIssuer(signer: signer), policy: configuration.sessions,
      limits: AttemptLimits(configuration.rates))
    let server = chassis.server(
      [AuthHandler(auth: auth)], allowing: callers,
      verifier: AssertionVerifier(publicKeys: [signer.verifyingKey], audience: .auth))
    let sweeper = SessionSweeper(auth: auth, logger: chassis.logger)
    return [database.service, audit.service, relay, sweeper, server]
  }
}
