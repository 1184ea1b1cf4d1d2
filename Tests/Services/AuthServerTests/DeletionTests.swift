import Callers
import Foundation
import Identity
import Mail
import NIOCore
import Postgres
import Protobuf
import RPC
import ServiceAPI
import Synchronization
import TestSupport
import Testing

@testable import Auth
@testable import AuthServer

/// The end of an account: asked for, kept after all, and done.
@Suite struct DeletionTests {
  private static let grace: TimeInterval = 7 * 86_400

  private func isThere(_ bench: AuthBench, _ account: AuthAPI.Account) async throws -> Bool {
    guard let id = UserID(account.id) else { return false }
    return try await bench.database.postgres.first(
      "SELECT count(*) AS count FROM accounts WHERE id = \(id.uuid)"
    ) { row throws(PostgresError) in try row.decode("count", as: Int.self) } == 1
  }

  @Test func anAccountIsOutOfUseAtOnceAndGoneWhenTheGracePeriodIsOver() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    let session = try await bench.logIn(email)
    let token = try await bench.gateway.createAccessToken(
      AuthAPI.CreateAccessTokenRequest(name: "ci"), options: session.options)
    let answer = try await bench.gateway.requestAccountDeletion(
      AuthAPI.RequestAccountDeletionRequest(), options: session.options)
    let wait = try #require(answer.deleteTime).date.timeIntervalSince(bench.clock.now)
    #expect(abs(wait - Self.grace) < 60)

    #expect(await !bench.isAlive(session.token))
    #expect(
      await bench.refusal {
        try await bench.gateway.authenticate(
          AuthAPI.AuthenticateRequest(credential: .accessToken(token.token)),
          options: bench.nobody)
      } == "unauthenticated")
    #expect(try await bench.mails(to: email).last?.subject == "Your account is about to be deleted")
    let world = Erasing(bench)
    try await world.relay.eraseAll()
    #expect(try await isThere(bench, account))

    bench.clock.advance(by: Self.grace + 60)
    #expect(
      await bench.refusal { try await bench.logIn(email) }
        == "unauthenticated WRONG_CREDENTIALS")
    try await world.relay.eraseAll()
    #expect(try await !isThere(bench, account))
    #expect(world.calls == ["vault \(account.id)", "audit \(account.id)", "audit \(account.id)"])
    #expect(try await bench.mails(to: email).last?.subject == "Your account was deleted")
    // Of the person, nothing is left here.
    let rows = try await bench.database.superuser.all(
      """
      SELECT to_jsonb(t)::text AS row FROM auth.accounts AS t
       UNION ALL SELECT to_jsonb(t)::text FROM auth.sessions AS t
       UNION ALL SELECT to_jsonb(t)::text FROM auth.access_tokens AS t
       UNION ALL SELECT to_jsonb(t)::text FROM auth.links AS t
       UNION ALL SELECT to_jsonb(t)::text FROM auth.mails AS t
      """
    ) { row throws(PostgresError) in try row.decode("row", as: String.self) }
    #expect(rows.filter { $0.contains(email) || $0.contains(account.id) } == [])
    // What stays is the receipt, and that it happened.
    let log = try await bench.log(of: account)
    #expect(log.count { $0 == "account.request-deletion" } == 1)
    #expect(log.count { $0 == "account.erase" } == 1)
    let list = try await bench.operators.listErasures(
      AuthAPI.ListErasuresRequest(), options: bench.nobody)
    #expect(list.erasures.map(\.accountId) == [account.id])
    #expect(list.erasures.allSatisfy { $0.isComplete })
    // The address is free again.
    _ = try await bench.signUp(email)
  }

  @Test func loggingInKeepsTheAccount() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    let session = try await bench.logIn(email)
    let token = try await bench.gateway.createAccessToken(
      AuthAPI.CreateAccessTokenRequest(name: "ci"), options: session.options)
    _ = try await bench.gateway.requestAccountDeletion(
      AuthAPI.RequestAccountDeletionRequest(), options: session.options)
    bench.clock.advance(by: Self.grace - 3_600)
    #expect(
      await bench.refusal { try await bench.logIn(email, password: "wrong password") }
        == "unauthenticated WRONG_CREDENTIALS")
    let again = try await bench.logIn(email)
    #expect(await bench.isAlive(again.token))
    _ = try await bench.gateway.authenticate(
      AuthAPI.AuthenticateRequest(credential: .accessToken(token.token)), options: bench.nobody)
    bench.clock.advance(by: 2 * 3_600)
    let world = Erasing(bench)
    try await world.relay.eraseAll()
    #expect(try await isThere(bench, account))
    #expect(world.calls == [])
    #expect(try await bench.log(of: account).contains("account.restore"))
    #expect(try await bench.mails(to: email).map(\.subject).contains("Your account stays"))
  }

  @Test func theLinkOfTheMailKeepsTheAccountOnce() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    let session = try await bench.logIn(email)
    _ = try await bench.gateway.requestAccountDeletion(
      AuthAPI.RequestAccountDeletionRequest(), options: session.options)
    let token = try await bench.token(to: email)
    let answer = try await bench.gateway.redeemLink(
      AuthAPI.RedeemLinkRequest(token: token), options: bench.nobody)
    #expect(answer.purpose == .keepAccount)
    #expect(
      await bench.refusal {
        try await bench.gateway.redeemLink(
          AuthAPI.RedeemLinkRequest(token: token), options: bench.nobody)
      } == "failedPrecondition LINK_OVER")
    bench.clock.advance(by: Self.grace + 60)
    try await Erasing(bench).relay.eraseAll()
    #expect(try await isThere(bench, account))
    // It gives nobody a session.
    #expect(await !bench.isAlive(session.token))
  }

  @Test func deletingNeedsThePasswordOfAMomentAgoAndASession() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    let session = try await bench.logIn(email)
    let token = try await bench.gateway.createAccessToken(
      AuthAPI.CreateAccessTokenRequest(name: "ci", scopes: [.use, .manage, .readAudit]),
      options: session.options)
    let asToken = try await bench.gateway.authenticate(
      AuthAPI.AuthenticateRequest(credential: .accessToken(token.token)), options: bench.nobody)
    let request = AuthAPI.RequestAccountDeletionRequest()
    #expect(
      await bench.refusal {
        try await bench.gateway.requestAccountDeletion(
          request, options: .acting(with: asToken.assertion, origin: AuthBench.origin))
      } == "permissionDenied WRONG_CREDENTIAL")
    bench.clock.advance(by: 700)
    let late = try await bench.options(session.token)
    #expect(
      await bench.refusal {
        try await bench.gateway.requestAccountDeletion(request, options: late)
      } == "permissionDenied CONFIRMATION_NEEDED")
  }

  @Test func theLastAdminCannotBeDeletedAndAnotherCan() async throws {
    let bench = try await AuthBench()
    let (first, second) = (bench.newEmail(), bench.newEmail())
    try await bench.signUp(first)
    try await bench.signUp(second)
    for email in [first, second] {
      _ = try await bench.operators.setUserRole(
        AuthAPI.SetUserRoleRequest(user: email, role: .admin), options: bench.nobody)
    }
    func delete(_ email: String) async -> String? {
      await bench.refusal {
        try await bench.operators.deleteUser(
          AuthAPI.DeleteUserRequest(user: email), options: bench.nobody)
      }
    }
    #expect(await delete(first) == nil)
    #expect(await delete(second) == "failedPrecondition LAST_ADMIN")
    let restored = try await bench.operators.restoreUser(
      AuthAPI.RestoreUserRequest(user: first), options: bench.nobody)
    #expect(restored.deleteTime == nil)
    #expect(await delete(second) == nil)
    #expect(
      await bench.refusal {
        try await bench.operators.restoreUser(
          AuthAPI.RestoreUserRequest(user: first), options: bench.nobody)
      } == "failedPrecondition NOT_TO_BE_DELETED")
  }

  @Test func whatIsCutShortIsDoneLaterAndNothingTwice() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    _ = try await bench.operators.deleteUser(
      AuthAPI.DeleteUserRequest(user: email, atOnce: true), options: bench.nobody)
    // Neither answers, then the vault alone does, then both.
    let world = Erasing(bench)
    world.failures = ["vault", "audit"]
    try await world.relay.eraseAll()
    #expect(try await !isThere(bench, account))
    world.failures = ["audit"]
    try await world.retry()
    world.failures = []
    // Another process, which knows only the table.
    let other = Erasing(bench)
    try await other.retry()
    try await other.retry()
    #expect(world.calls == ["vault \(account.id)"])
    #expect(other.calls == ["audit \(account.id)", "audit \(account.id)"])
    #expect(try await bench.log(of: account).count { $0 == "account.erase" } == 1)
  }

  @Test func aRestoredBackupLosesItsDeletedAccountsAgain() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    // As a backup from before the deletion brings it back.
    let account = try await bench.signUp(email)
    let gone = UUID().uuidString.lowercased()
    let answer = try await bench.operators.repeatErasures(
      AuthAPI.RepeatErasuresRequest(accountIds: [account.id, gone]), options: bench.nobody)
    #expect(answer.accounts == 1)
    let world = Erasing(bench)
    try await world.relay.eraseAll()
    #expect(try await !isThere(bench, account))
    #expect(
      world.calls.filter { $0.hasPrefix("vault") }.sorted()
        == ["vault \(account.id)", "vault \(gone)"].sorted())
    #expect(
      await bench.refusal {
        try await bench.operators.repeatErasures(
          AuthAPI.RepeatErasuresRequest(accountIds: ["ann"]), options: bench.nobody)
      } == "invalidArgument accountIds")
  }
}

/// Vault and audit as far as deletions go: audit needs two calls for an account.
private final class Erasing: RPCChannel {
  private struct State {
    var calls: [String] = []
    var failures: Set<String> = []
    var begun: Set<String> = []
  }

  private let bench: AuthBench
  private let state = Mutex(State())

  var calls: [String] { state.withLock { $0.calls } }
  /// Who doesn't answer.
  var failures: Set<String> {
    get { state.withLock { $0.failures } }
    set { state.withLock { $0.failures = newValue } }
  }
  var relay: ErasureRelay { bench.erasureRelay(over: self) }

  init(_ bench: AuthBench) { self.bench = bench }

  /// Without the wait that a failure leads to.
  func retry() async throws {
    try await bench.database.postgres.execute("UPDATE erasures SET retry_time = '-infinity'")
    try await relay.eraseAll()
  }

  func unary(
    _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
  ) async throws(RPCError) -> UnaryResponse {
    let isVault = method.path == VaultAPI.VaultMethods.eraseAccount.path
    let name = isVault ? "vault" : "audit"
    do {
      return try state.withLock { state in
        guard !state.failures.contains(name) else {
          throw RPCError(.unavailable, "nobody is there")
        }
        var answer = ByteBuffer()
        let id: String
        if isVault {
          id = try VaultAPI.EraseAccountRequest(unpacking: request).accountId
          VaultAPI.EraseAccountResponse().pack(into: &answer)
        } else {
          id = try AuditAPI.EraseAccountRequest(unpacking: request).accountId
          let isSecond = !state.begun.insert(id).inserted
          AuditAPI.EraseAccountResponse(events: 1, isComplete: isSecond).pack(into: &answer)
        }
        state.calls.append("\(name) \(id)")
        return UnaryResponse(message: answer)
      }
    } catch let error as RPCError {
      throw error
    } catch {
      throw RPCError(.internal, "\(error)")
    }
  }

  func stream<Outcome: Sendable>(
    _ method: MethodDescriptor, options: CallOptions,
    _ body: (any ClientStream) async throws -> Outcome
  ) async throws -> Outcome {
    throw RPCError(.unimplemented, "a deletion is told by unary calls")
  }
}
