import Auth
import Callers
import Cryptography
import Identity
import Logging
import OpenIDConnect
import Outbox
import Postgres
import RPC
import ServiceAPI
import ServiceLifecycle
import ServiceRuntime

/// What `auth` consists of.
enum AuthServer {
  /// Which peers may call which method; what is not listed here is denied to all.
  static let allowedPeers: PeerAllowList.Rules = {
    let methods = AuthAPI.AuthMethods.self
    let forOperatorsOnly = [
      methods.issueOperatorAssertion, methods.listErasures, methods.repeatErasures,
    ]
    let forOperatorsToo = [
      methods.listUsers, methods.inviteUser, methods.setUserRole, methods.disableUser,
      methods.enableUser, methods.unlockUser, methods.signOutUser, methods.sendUserPasswordReset,
      methods.resetUserSecondFactor, methods.deleteUser, methods.restoreUser,
      methods.revokeUserAccessTokens,
    ]
    let forUsers = methods.all.filter { !forOperatorsOnly.contains($0) }
    return PeerAllowList.rules(forUsers, allow: [PeerIdentity.gateway])
      .merging(AssertionKeysHandler.allowedPeers) { $0.union($1) }
      .merging(
        PeerAllowList.rules(forOperatorsOnly + forOperatorsToo, allow: [PeerIdentity.operator])
      ) { $0.union($1) }
  }()

  /// What the process runs, started in this order and stopped in reverse.
  @Sendable
  static func assemble(
    _ configuration: AuthConfiguration, _ chassis: ServiceChassis
  ) async throws -> [any Service] {
    let database = try await chassis.database(configuration.database, schema: AuthSchema.schema)
    let audit = chassis.client(to: configuration.auditAddresses, identity: PeerIdentity.audit)
    let vault = chassis.client(to: configuration.vaultAddresses, identity: PeerIdentity.vault)
    let outbox = PostgresOutbox()
    let relay = OutboxRelay(
      outbox: outbox, postgres: database.client, audit: audit.client, logger: chassis.logger)
    let signingKeys = SigningKeys(configuration.signingKeys)
    let signer = AssertionSigner(keys: signingKeys)
    let uses = UseNotes(postgres: database.client, logger: chassis.logger)
    let mails = MailQueue()
    let keys = configuration.accountKeys
    let store = PostgresAuthStore(
      postgres: database.client, outbox: outbox, uses: uses, mails: mails, codes: keys.codes)
    let passwords = PasswordHashingPool(threadCount: configuration.passwordThreads)
    let limits = AttemptLimits(
      configuration.rates, store: PostgresAttemptStore(postgres: database.client))
    let passkeys = configuration.relyingParty.map {
      Passkeys(store: store, relyingParty: $0, keys: keys)
    }
    let federation = federation(configuration, store: store, logger: chassis.logger)
    let auth = AuthService(
      store: store, passwords: passwords, assertions: SignedAssertionIssuer(signer: signer),
      policy: configuration.sessions, accounts: configuration.accounts, limits: limits,
      secondFactors: (store, keys), passkeys: passkeys, federation: federation)
    let links = LinkIssuer(store: store, portal: configuration.portal)
    let accounts = AccountService(
      store: store, passwords: passwords, limits: limits, policy: configuration.accounts,
      sessions: configuration.sessions, links: links, keys: keys, passkeys: passkeys,
      federation: federation)
    let refusals = PeerRefusals(logger: chassis.logger) { peer, method in
      try await auth.refuse(peer: peer, method: method)
    }
    let revocations = RevocationFeed(postgres: database.client, logger: chassis.logger)
    let server = chassis.server(
      [
        OwnersMethods(
          base: AuthHandler(auth: auth, accounts: accounts, revocations: revocations), auth: auth),
        AssertionKeysHandler(keys: signingKeys.verifyingKeys),
      ],
      callPolicy(
        AssertionVerifier(keys: signingKeys.verifyingKeys, audience: .auth),
        onRefusal: refusals.note))
    let erasures = ErasureRelay(
      accounts: accounts, postgres: database.client, vault: vault.client, audit: audit.client,
      logger: chassis.logger)
    let keyWatch = SettingWatch(of: "the keys of assertions", logger: chassis.logger) {
      let keys = try configuration.readSigningKeys()
      guard signingKeys.replace(with: keys) else { return nil }
      return "signing with \(signingKeys.current.verifyingKey.keyID)"
    }
    let sweeper = SessionSweeper(auth: auth, accounts: accounts, logger: chassis.logger)
    var mailRelay: [any Service] = []
    if let mail = configuration.mail {
      mailRelay = [
        MailRelay(
          queue: mails, postgres: database.client, transport: mail.transport,
          sender: mail.sender, links: links, accounts: accounts, portal: configuration.portal,
          logger: chassis.logger)
      ]
    } else {
      chassis.logger.notice("no mail is sent: neither SMTP_URL nor MAIL_DIRECTORY is set")
    }
    // Stopped in reverse: whoever watches is let go before the server waits for its calls.
    return [
      database.service, audit.service, vault.service, relay, erasures,
    ] + mailRelay + [refusals, sweeper, uses, keyWatch, server, revocations]
  }

  private static func federation(
    _ configuration: AuthConfiguration, store: PostgresAuthStore, logger: Logger
  ) -> Federation {
    let openID = configuration.openID
    return Federation(
      providers: OpenIDProviders(
        openID.providers, fetch: HTTPSFetch(authorityFile: openID.authorityFile),
        portal: configuration.portal, logger: logger),
      store: store, keys: configuration.accountKeys)
  }
}

extension AuthServer {
  /// What is answered, and for whom: signed in by `verifier`.
  static func callPolicy(
    _ verifier: AssertionVerifier,
    onRefusal: @escaping @Sendable (Peer, MethodDescriptor) -> Void = { _, _ in }
  ) -> CallPolicy {
    CallPolicy(
      rules: allowedPeers, operators: [PeerIdentity.operator],
      requestIDKey: CallMetadata.requestID, callers: CallerInterceptor(verifier),
      onRefusal: onRefusal)
  }
}
