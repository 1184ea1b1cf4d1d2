import Callers
import Cryptography
import Foundation
import Identity
import Logging
import Postgres
import Protobuf
import RPC
import RPCInProcess
import ServiceAPI
import ServiceRuntime
import Testing

@testable import Auth
@testable import AuthServer

/// The whole service behind its interceptors, called as the gateway and an operator call it.
@Suite struct AuthHandlerTests {
  private static let password = "tr0ubador and the horse"
  private static let origin = CallOrigin(
    ipAddress: "192.0.2.7", userAgent: "Firefox", requestID: "request-1")

  private let key: Ed25519.SigningKey
  private let email = "ann-\(UUID())@example.com"

  init() throws { key = try .generate() }

  private func client(
    _ database: AuthDatabase, as identity: String = PeerIdentity.gateway
  ) throws -> AuthAPI.AuthClient {
    let signer = AssertionSigner(key: key)
    let passwords = PasswordHashingPool(hasher: .cheap, threadCount: 1)
    let limits = AttemptLimits(
      .generous, store: PostgresAttemptStore(postgres: database.client))
    let service = AuthService(
      store: database.store, passwords: passwords,
      assertions: SignedAssertionIssuer(signer: signer), limits: limits)
    let accounts = AccountService(
      store: database.store, passwords: passwords, limits: limits, policy: AccountPolicy(),
      links: LinkIssuer(store: database.store, portal: ""), keys: try .forTests)
    let interceptors = ServiceChassis.interceptors(
      AuthServer.callPolicy(
        AssertionVerifier(publicKeys: [signer.verifyingKey], audience: .auth)),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    return AuthAPI.AuthClient(
      channel: InProcessChannel(
        services: [
          AuthHandler(
            auth: service, accounts: accounts,
            revocations: RevocationFeed(
              postgres: database.client,
              logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        ], interceptors: interceptors,
        peer: Peer(address: "test", identities: [identity])))
  }

  private func nobody() -> CallOptions { .acting(with: nil, origin: Self.origin) }

  private func signUp(_ client: AuthAPI.AuthClient) async throws -> AuthAPI.Account {
    try await client.createAccount(
      AuthAPI.CreateAccountRequest(email: email, password: Self.password, displayName: "Ann"),
      options: nobody())
  }

  /// Options that carry the assertion of a new session.
  private func logIn(_ client: AuthAPI.AuthClient) async throws -> CallOptions {
    let session = try await client.createSession(
      AuthAPI.CreateSessionRequest(email: email, password: Self.password), options: nobody())
    let answer = try await client.authenticate(
      AuthAPI.AuthenticateRequest(credential: .sessionToken(session.sessionToken)),
      options: nobody())
    return .acting(with: answer.assertion, origin: Self.origin)
  }

  private func code(_ body: () async throws -> some Any) async -> RPCError.Code? {
    do {
      _ = try await body()
      return nil
    } catch {
      return (error as? RPCError)?.code
    }
  }

  @Test func aPersonSignsUpLogsInAndOut() async throws {
    let database = try await AuthDatabase.shared()
    let client = try client(database)
    let account = try await signUp(client)
    #expect(account.email == email)
    #expect(account.displayName == "Ann")

    let options = try await logIn(client)
    let me = try await client.getCurrentAccount(
      AuthAPI.GetCurrentAccountRequest(), options: options)
    #expect(me == account)
    _ = try await client.deleteCurrentSession(
      AuthAPI.DeleteCurrentSessionRequest(), options: options)

    let events = try await database.receipts(accountID: account.id)
    #expect(events.map(\.action) == ["account.create", "session.create", "session.delete"])
    #expect(events.allSatisfy { $0.ipAddress == "192.0.2.7" && $0.userAgent == "Firefox" })
  }

  @Test func anAccessTokenLivesFromCreationToRevocation() async throws {
    let client = try client(try await AuthDatabase.shared())
    let account = try await signUp(client)
    let options = try await logIn(client)
    let created = try await client.createAccessToken(
      AuthAPI.CreateAccessTokenRequest(name: "laptop", expiresIn: ProtoDuration(.seconds(3600))),
      options: options)
    let accessToken = try #require(created.accessToken)
    #expect(created.token.hasPrefix(accessToken.prefix))
    let request = AuthAPI.AuthenticateRequest(credential: .accessToken(created.token))
    #expect(try await client.authenticate(request, options: nobody()).account == account)

    let list = try await client.listAccessTokens(
      AuthAPI.ListAccessTokensRequest(), options: options)
    #expect(list.accessTokens.map(\.id) == [accessToken.id])
    #expect(list.nextPageToken.isEmpty)

    _ = try await client.deleteAccessToken(
      AuthAPI.DeleteAccessTokenRequest(id: accessToken.id), options: options)
    #expect(
      await code { try await client.authenticate(request, options: nobody()) }
        == .unauthenticated)
    #expect(
      await code {
        try await client.deleteAccessToken(
          AuthAPI.DeleteAccessTokenRequest(id: accessToken.id), options: options)
      } == .notFound)
  }

  @Test func refusalsHaveTheirCodes() async throws {
    let client = try client(try await AuthDatabase.shared())
    _ = try await signUp(client)
    #expect(await code { try await signUp(client) } == .alreadyExists)
    #expect(
      await code {
        try await client.createSession(
          AuthAPI.CreateSessionRequest(email: email, password: "wrong"), options: nobody())
      } == .unauthenticated)
    #expect(
      await code {
        try await client.createAccount(AuthAPI.CreateAccountRequest(), options: nobody())
      } == .invalidArgument)
    #expect(
      await code {
        try await client.authenticate(AuthAPI.AuthenticateRequest(), options: nobody())
      } == .invalidArgument)
    #expect(
      await code {
        try await client.listAccessTokens(
          AuthAPI.ListAccessTokensRequest(), options: nobody())
      } == .unauthenticated)
  }

  @Test func onlyAnOperatorActsForOthersAndDoesNothingElse() async throws {
    let database = try await AuthDatabase.shared()
    let gateway = try client(database)
    let account = try await signUp(gateway)
    let request = AuthAPI.IssueOperatorAssertionRequest(email: email)
    #expect(
      await code { try await gateway.issueOperatorAssertion(request, options: nobody()) }
        == .permissionDenied)

    let operators = try client(database, as: PeerIdentity.operator)
    let answer = try await operators.issueOperatorAssertion(request, options: nobody())
    #expect(answer.account == account)
    let verifier = AssertionVerifier(publicKeys: [key.verifyingKey], audience: .vault)
    let caller = try verifier.verify(
      answer.assertion, for: .manage,
      from: Peer(address: "test", identities: [PeerIdentity.operator]))
    #expect(caller.credential == .operator)
    #expect(caller.userID.text == account.id)
    #expect(
      await code {
        try await operators.getCurrentAccount(
          AuthAPI.GetCurrentAccountRequest(),
          options: .acting(with: answer.assertion, origin: Self.origin))
      } == .permissionDenied)
    let events = try await database.receipts(accountID: account.id)
    #expect(events.last?.action == "operator.impersonate")
  }

  @Test(arguments: [
    PeerIdentity.vault, PeerIdentity.audit, PeerIdentity.auth, "spiffe://other/gateway",
  ])
  func noOtherServiceMayCall(_ identity: String) async throws {
    let client = try client(try await AuthDatabase.shared(), as: identity)
    #expect(await code { try await signUp(client) } == .permissionDenied)
  }

  @Test func noSecretIsStored() async throws {
    let database = try await AuthDatabase.shared()
    let client = try client(database)
    _ = try await signUp(client)
    let session = try await client.createSession(
      AuthAPI.CreateSessionRequest(email: email, password: Self.password), options: nobody())
    let tables = try await database.client.first(
      """
      SELECT concat((SELECT string_agg(accounts::text, ' ') FROM accounts),
                    (SELECT string_agg(sessions::text, ' ') FROM sessions),
                    (SELECT string_agg(encode(event, 'escape'), ' ') FROM outbox)) AS text
      """
    ) { row throws(PostgresError) in try row.decode("text", as: String.self) }
    let text = try #require(tables)
    #expect(text.contains(email))
    #expect(!text.contains(Self.password))
    #expect(!text.contains(session.sessionToken))
  }
}
