import Callers
import Cryptography
import Foundation
import Mail
import Outbox
import Postgres
import Protobuf
import RPC
import ServiceAPI
import TestSupport
import Testing

@testable import Auth
@testable import AuthServer

/// Who may sign up, and what strangers learn by it.
@Suite struct SignUpTests {
  private static let hiding = AccountPolicy(sendsMail: true, allowsUnverified: false)

  @Test func whereAccountsAreHiddenATakenAddressIsAnsweredLikeAFreeOne() async throws {
    let bench = try await AuthBench(Self.hiding)
    let email = bench.newEmail()
    let first = try await bench.signUp(email)
    let second = try await bench.signUp(email, password: "quite another password")
    #expect(second.email == first.email && second.role == first.role)
    #expect(second.isEmailVerified == first.isEmailVerified)
    #expect(second.id != first.id)
    #expect(
      try await bench.mails(to: email).map(\.subject)
        == ["Confirm your e-mail address", "You have an account already"])
    // Neither password lets in before the address is confirmed, and both are refused alike.
    for password in [AuthBench.password, "quite another password"] {
      #expect(
        await bench.refusal { try await bench.logIn(email, password: password) }
          == "unauthenticated WRONG_CREDENTIALS")
    }
    // Whoever knew the right one got another mail.
    #expect(try await bench.mails(to: email).count == 3)
    _ = try await bench.gateway.redeemLink(
      AuthAPI.RedeemLinkRequest(token: try await bench.token(to: email)), options: bench.nobody)
    _ = try await bench.logIn(email)
    #expect(
      await bench.refusal { try await bench.logIn(email, password: "quite another password") }
        == "unauthenticated WRONG_CREDENTIALS")
  }

  @Test func aStrangerCannotHaveAnyNumberOfMailsSentToATakenAddress() async throws {
    var rates = AttemptLimits.Rates.generous
    rates.mailsPerAddress = AttemptRate(2, per: .seconds(3600))
    let bench = try await AuthBench(Self.hiding, rates: rates)
    let email = bench.newEmail()
    for _ in 0..<5 { try await bench.signUp(email) }
    let subjects = try await bench.mails(to: email).map(\.subject)
    #expect(subjects.count { $0 == "You have an account already" } == 2)
    // Those that were not sent are not kept either.
    #expect(
      try await bench.database.postgres.first(
        "SELECT count(*) AS count FROM mails WHERE email = \(email)"
      ) {
        row throws(PostgresError) in try row.decode("count", as: Int.self)
      } == 0)
  }

  @Test func whereTheyAreNotASignUpSaysThatAnAddressIsTaken() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    #expect(
      await bench.refusal { try await bench.signUp(email.uppercased()) }
        == "alreadyExists EMAIL_TAKEN")
    _ = try await bench.logIn(email)
  }

  @Test func anInvitationLetsItsOwnAddressInOnceAndConfirmsIt() async throws {
    let bench = try await AuthBench(
      AccountPolicy(signUp: .invitation, emailDomains: ["example.org"], sendsMail: true))
    let email = bench.newEmail()
    #expect(
      await bench.refusal { try await bench.signUp(email) } == "permissionDenied SIGN_UP_CLOSED")
    let answer = try await bench.operators.inviteUser(
      AuthAPI.InviteUserRequest(email: email), options: bench.nobody)
    let prefix = "\(AuthBench.portal)/sign-up?invitation="
    #expect(answer.link.hasPrefix(prefix))
    let token = String(answer.link.dropFirst(prefix.count))
    #expect(
      await bench.refusal { try await bench.signUp(bench.newEmail(), invitation: token) }
        == "invalidArgument invitation")
    #expect(
      await bench.refusal { try await bench.signUp(email, invitation: "chl_nonsense") }
        == "failedPrecondition LINK_OVER")
    let account = try await bench.signUp(email, invitation: token)
    #expect(account.isEmailVerified)
    #expect(
      await bench.refusal { try await bench.signUp(email, invitation: token) }
        == "invalidArgument invitation")
  }

  @Test func onlyAddressesOfTheAllowedDomainsSignUpAndNobodyWhereItIsClosed() async throws {
    let some = try await AuthBench(AccountPolicy(emailDomains: ["example.org"]))
    #expect(
      await some.refusal { try await some.signUp(some.newEmail()) } == "invalidArgument email")
    try await some.signUp("ann-\(UUID())@EXAMPLE.org")
    let closed = try await AuthBench(AccountPolicy(signUp: .closed))
    #expect(
      await closed.refusal { try await closed.signUp(closed.newEmail()) }
        == "permissionDenied SIGN_UP_CLOSED")
  }

  @Test func onItsOwnersMachineTheFirstAccountIsAnAdmin() async throws {
    let bench = try await AuthBench(AccountPolicy(firstIsAdmin: true))
    #expect(try await bench.signUp(bench.newEmail()).role == .admin)
    #expect(try await bench.signUp(bench.newEmail()).role == .user)
  }

  @Test func aTokenOfAnUnconfirmedAccountDoesNotWorkWhereThatIsRefused() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    let session = try await bench.logIn(email)
    let token = try await bench.gateway.createAccessToken(
      AuthAPI.CreateAccessTokenRequest(name: "ci"), options: session.options)
    let strict = AuthService(
      store: PostgresAuthStore(
        postgres: bench.database.postgres, outbox: .init(),
        uses: UseNotes(postgres: bench.database.postgres, logger: .silent), mails: MailQueue(),
        codes: try AccountKeys.forTests.codes),
      passwords: PasswordHashingPool(hasher: .cheap, threadCount: 1),
      assertions: SignedAssertionIssuer(signer: .init(key: try .generate())),
      accounts: Self.hiding,
      limits: AttemptLimits(
        store: PostgresAttemptStore(postgres: bench.database.postgres)))
    await #expect(throws: AuthError.unverified) {
      _ = try await strict.authenticate(
        .accessToken(SecretBytes(utf8: token.token)), from: AuthBench.origin)
    }
  }
}
