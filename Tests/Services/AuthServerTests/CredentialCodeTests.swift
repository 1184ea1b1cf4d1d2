import Callers
import Cryptography
import Foundation
import Identity
import Postgres
import Protobuf
import RPC
import ServiceAPI
import TestSupport
import Testing

@testable import Auth
@testable import AuthServer

/// Somebody can write to the database, and has no key: what they write or move lets nobody in.
@Suite struct CredentialCodeTests {
  /// Two people, each logged in.
  private struct Scene {
    let bench: AuthBench
    let ann: AuthAPI.Account
    let eve: AuthAPI.Account
    let annsSession: (token: String, options: CallOptions)
    let evesSession: (token: String, options: CallOptions)

    init() async throws {
      bench = try await AuthBench()
      let (first, second) = (bench.newEmail(), bench.newEmail())
      ann = try await bench.signUp(first)
      eve = try await bench.signUp(second)
      annsSession = try await bench.logIn(first)
      evesSession = try await bench.logIn(second)
    }

    func write(_ statement: PostgresQuery) async throws {
      #expect(try await bench.database.superuser.execute(statement) > 0)
    }

    var annID: UUID? { UUID(uuidString: ann.id) }
    var eveID: UUID? { UUID(uuidString: eve.id) }

    /// Whose token it is for the service; nil: nobody's.
    func owner(accessToken token: String) async -> String? {
      try? await bench.gateway.authenticate(
        AuthAPI.AuthenticateRequest(credential: .accessToken(token)), options: bench.nobody
      ).account?.id
    }

    func accessToken(_ options: CallOptions) async throws -> String {
      try await bench.gateway.createAccessToken(
        AuthAPI.CreateAccessTokenRequest(name: "mine", expiresIn: .init(.seconds(3_600))),
        options: options
      ).token
    }
  }

  @Test func aSessionThatIsMovedOrMadeToLastLetsNobodyIn() async throws {
    let scene = try await Scene()
    #expect(await scene.bench.isAlive(scene.evesSession.token))
    try await scene.write(
      "UPDATE auth.sessions SET account_id = \(scene.annID) WHERE account_id = \(scene.eveID)")
    #expect(await !scene.bench.isAlive(scene.evesSession.token))
    #expect(await scene.bench.isAlive(scene.annsSession.token))
    try await scene.write(
      "UPDATE auth.sessions SET expire_time = expire_time + interval '1 second'")
    #expect(await !scene.bench.isAlive(scene.annsSession.token))
  }

  @Test func anotherTokensHashInARowLetsNobodyIn() async throws {
    let scene = try await Scene()
    try await scene.write(
      """
      WITH eves AS (
        DELETE FROM auth.sessions WHERE account_id = \(scene.eveID) RETURNING token_hash)
      UPDATE auth.sessions AS s SET token_hash = eves.token_hash FROM eves
       WHERE s.account_id = \(scene.annID)
      """)
    #expect(await !scene.bench.isAlive(scene.evesSession.token))
    #expect(await !scene.bench.isAlive(scene.annsSession.token))
  }

  /// With the code of a row that is right, and with none, as a release from before would leave it.
  @Test(arguments: ["code", "NULL"] as [PostgresQuery]) func aRowThatWasWrittenLetsNobodyIn(
    _ code: PostgresQuery
  ) async throws {
    let scene = try await Scene()
    let token = try SecureToken.generate(prefix: Session.tokenPrefix)
    try await scene.write(
      """
      INSERT INTO auth.sessions
             (id, account_id, token_hash, create_time, last_seen_time, expire_time, ip_address,
              user_agent, request_id, confirm_time, code)
      SELECT gen_random_uuid(), account_id, \(token.storageHash), create_time, last_seen_time,
             expire_time, ip_address, user_agent, request_id, confirm_time, \(code)
        FROM auth.sessions WHERE account_id = \(scene.annID)
      """)
    let text = token.text.withUTF8String { $0 }
    #expect(await !scene.bench.isAlive(text))
    #expect(await scene.bench.isAlive(scene.annsSession.token))
  }

  @Test(
    arguments: [
      "account_id = (SELECT id FROM auth.accounts WHERE id <> account_id LIMIT 1)",
      "expire_time = expire_time + interval '1 day'", "expire_time = NULL", "scope = 'use manage'",
      "id = gen_random_uuid()", "code = NULL",
    ] as [PostgresQuery])
  func anAccessTokenWhoseRowWasChangedLetsNobodyIn(_ change: PostgresQuery) async throws {
    let scene = try await Scene()
    let token = try await scene.accessToken(scene.evesSession.options)
    #expect(await scene.owner(accessToken: token) == scene.eve.id)
    try await scene.write("UPDATE auth.access_tokens SET \(change)")
    #expect(await scene.owner(accessToken: token) == nil)
  }

  @Test(
    arguments: [
      "account_id = (SELECT id FROM auth.accounts AS a WHERE a.id <> links.account_id LIMIT 1)",
      "expire_time = expire_time + interval '1 day'", "purpose = 'verify-email'", "code = NULL",
    ] as [PostgresQuery])
  func aLinkWhoseRowWasChangedDoesNothing(_ change: PostgresQuery) async throws {
    let scene = try await Scene()
    _ = try await scene.bench.gateway.requestPasswordReset(
      AuthAPI.RequestPasswordResetRequest(email: scene.eve.email), options: scene.bench.nobody)
    let token = try await scene.bench.token(to: scene.eve.email)
    try await scene.write(
      "UPDATE auth.links SET \(change) WHERE purpose = 'reset-password'")
    #expect(
      await scene.bench.refusal {
        try await scene.bench.gateway.resetPassword(
          AuthAPI.ResetPasswordRequest(token: token, password: "quiet harbour lantern"),
          options: scene.bench.nobody)
      } != nil)
    let stranger = await scene.bench.refusal {
      try await scene.bench.gateway.redeemLink(
        AuthAPI.RedeemLinkRequest(token: token), options: scene.bench.nobody)
    }
    #expect(stranger != nil)
  }

  @Test func anInvitationToAnotherAddressLetsNobodyIn() async throws {
    let bench = try await AuthBench(AccountPolicy(signUp: .invitation, sendsMail: true))
    let (invited, other) = (bench.newEmail(), bench.newEmail())
    let link = try await bench.operators.inviteUser(
      AuthAPI.InviteUserRequest(email: invited), options: bench.nobody
    ).link
    let token = try #require(link.firstMatch(of: /invitation=(chl_[A-Za-z0-9_-]+)/)).1
    _ = try await bench.database.superuser.execute(
      "UPDATE auth.links SET email = \(other), email_key = \(other)")
    #expect(
      await bench.refusal { try await bench.signUp(other, invitation: String(token)) }
        == "invalidArgument invitation")
    _ = try await bench.database.superuser.execute(
      "UPDATE auth.links SET email = \(invited), email_key = \(invited)")
    try await bench.signUp(invited, invitation: String(token))
  }

  /// A recovery code is stored as something that only the service can compute, for one account.
  @Test func aRecoveryCodeOfAnotherAccountIsNone() async throws {
    let keys = try AccountKeys.forTests
    let (ann, eve) = (UserID(UUID()), UserID(UUID()))
    let code = "ABCDEFGHIJKLMNOP"
    let hash = keys.codes.hash(ofRecoveryCode: code, of: eve)
    #expect(hash != keys.codes.hash(ofRecoveryCode: code, of: ann))
    #expect(hash != SHA256Digest.hash(Array(code.utf8)))
    let others = try AccountKeys(
      derivedFrom: SecretBytes(copying: [UInt8](repeating: 8, count: 32)))
    #expect(hash != others.codes.hash(ofRecoveryCode: code, of: eve))
  }
}
