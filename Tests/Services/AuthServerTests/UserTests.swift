import Foundation
import Mail
import RPC
import ServiceAPI
import Testing

@testable import Auth
@testable import AuthServer

/// Sessions of one's own, and looking after other people's accounts.
@Suite struct UserTests {
  private func makeAdmin(_ bench: AuthBench, _ email: String) async throws {
    _ = try await bench.operators.setUserRole(
      AuthAPI.SetUserRoleRequest(user: email, role: .admin), options: bench.nobody)
  }

  @Test func sessionsAreListedAndEndedOneByOneOrTogether() async throws {
    let bench = try await AuthBench()
    let (email, stranger) = (bench.newEmail(), bench.newEmail())
    let account = try await bench.signUp(email)
    try await bench.signUp(stranger)
    let own = try await bench.logIn(email)
    let phone = try await bench.logIn(
      email, userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Safari/604.1")
    let third = try await bench.logIn(email)
    let other = try await bench.logIn(stranger)

    let list = try await bench.gateway.listSessions(
      AuthAPI.ListSessionsRequest(), options: own.options
    ).sessions
    #expect(list.count == 3)
    #expect(list.filter(\.isCurrent).count == 1)
    let iPhone = try #require(list.first { $0.device == "Safari on iPhone" })
    #expect(iPhone.ipAddress == "192.0.2.8")

    let request = AuthAPI.DeleteSessionRequest(id: iPhone.id)
    #expect(
      await bench.refusal {
        try await bench.gateway.deleteSession(request, options: other.options)
      } == "notFound")
    _ = try await bench.gateway.deleteSession(request, options: own.options)
    #expect(await !bench.isAlive(phone.token))
    let ended = try await bench.gateway.deleteOtherSessions(
      AuthAPI.DeleteOtherSessionsRequest(), options: own.options)
    #expect(ended.ended == 1)
    #expect(await !bench.isAlive(third.token))
    #expect(await bench.isAlive(own.token))
    #expect(await bench.isAlive(other.token))
    #expect(try await bench.log(of: account).count { $0.hasPrefix("session.revoke") } == 2)
  }

  @Test func anAdminLooksAfterAccountsAndAUserDoesNot() async throws {
    let bench = try await AuthBench()
    let (admin, user) = (bench.newEmail(), bench.newEmail())
    try await bench.signUp(admin)
    let account = try await bench.signUp(user)
    let userSession = try await bench.logIn(user)
    let request = AuthAPI.ListUsersRequest()
    #expect(
      await bench.refusal {
        try await bench.gateway.listUsers(request, options: userSession.options)
      } == "permissionDenied MISSING_ROLE")
    #expect(
      await bench.refusal { try await bench.gateway.listUsers(request, options: bench.nobody) }
        == "unauthenticated")

    try await makeAdmin(bench, admin)
    let session = try await bench.logIn(admin)
    let users = try await bench.gateway.listUsers(request, options: session.options).users
    #expect(users.compactMap { $0.account?.email } == [user, admin])
    #expect(users.map(\.sessionCount) == [1, 1])
    let found = try await bench.operators.listUsers(
      AuthAPI.ListUsersRequest(email: user.uppercased()), options: bench.nobody)
    #expect(found.users.compactMap { $0.account?.email } == [user])

    let token = try await bench.gateway.createAccessToken(
      AuthAPI.CreateAccessTokenRequest(name: "ci"), options: userSession.options)
    let useToken = AuthAPI.AuthenticateRequest(credential: .accessToken(token.token))
    let disabled = try await bench.gateway.disableUser(
      AuthAPI.DisableUserRequest(user: account.id), options: session.options)
    #expect(disabled.isDisabled && disabled.sessionCount == 0)
    #expect(await !bench.isAlive(userSession.token))
    #expect(
      await bench.refusal {
        try await bench.gateway.authenticate(useToken, options: bench.nobody)
      } == "unauthenticated")
    #expect(
      await bench.refusal { try await bench.logIn(user) } == "permissionDenied ACCOUNT_DISABLED")
    #expect(
      await bench.refusal { try await bench.logIn(user, password: "wrong") }
        == "unauthenticated WRONG_CREDENTIALS")
    #expect(try await bench.mails(to: user).last?.subject == "Your account was disabled")
    _ = try await bench.gateway.enableUser(
      AuthAPI.EnableUserRequest(user: user), options: session.options)
    let again = try await bench.logIn(user)
    _ = try await bench.gateway.authenticate(useToken, options: bench.nobody)
    _ = try await bench.operators.signOutUser(
      AuthAPI.SignOutUserRequest(user: user), options: bench.nobody)
    #expect(await !bench.isAlive(again.token))
    // Whose account it is sees all of it.
    let log = try await bench.log(of: account)
    for action in ["account.disable", "account.enable", "account.sign-out"] {
      #expect(log.contains(action), "\(action)")
    }
  }

  @Test func anotherRoleIsForWhoLogsInAnew() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    let before = try await bench.logIn(email)
    try await makeAdmin(bench, email)
    #expect(await !bench.isAlive(before.token))
    let after = try await bench.logIn(email)
    // It is the same: nothing changes.
    try await makeAdmin(bench, email)
    #expect(await bench.isAlive(after.token))
  }

  @Test func theLastAdminStays() async throws {
    let bench = try await AuthBench()
    let (first, second) = (bench.newEmail(), bench.newEmail())
    try await bench.signUp(first)
    try await bench.signUp(second)
    try await makeAdmin(bench, first)
    func demote(_ email: String) async -> String? {
      await bench.refusal {
        try await bench.operators.setUserRole(
          AuthAPI.SetUserRoleRequest(user: email, role: .user), options: bench.nobody)
      }
    }
    #expect(await demote(first) == "failedPrecondition LAST_ADMIN")
    #expect(
      await bench.refusal {
        try await bench.operators.disableUser(
          AuthAPI.DisableUserRequest(user: first), options: bench.nobody)
      } == "failedPrecondition LAST_ADMIN")
    try await makeAdmin(bench, second)
    // Each takes the other's role at one time: one of them stays.
    async let one = demote(first)
    async let two = demote(second)
    let answers = await [one, two]
    #expect(answers.count { $0 == nil } == 1)
    #expect(answers.count { $0 == "failedPrecondition LAST_ADMIN" } == 1)
  }

  @Test func aUserWhoIsNotThereOrHasNoNameIsSaidSo() async throws {
    let bench = try await AuthBench()
    func unlock(_ user: String) async -> String? {
      await bench.refusal {
        try await bench.operators.unlockUser(
          AuthAPI.UnlockUserRequest(user: user), options: bench.nobody)
      }
    }
    #expect(await unlock("nobody@example.com") == "notFound")
    #expect(await unlock(UUID().uuidString) == "notFound")
    #expect(await unlock("ann") == "invalidArgument user")
  }

  @Test func anAdminUnlocksWhoHasTriedTooOften() async throws {
    var rates = AttemptLimits.Rates.generous
    rates.logInsPerAccount = AttemptRate(3, per: .seconds(600))
    let bench = try await AuthBench(rates: rates)
    let email = bench.newEmail()
    try await bench.signUp(email)
    for _ in 0..<3 {
      _ = await bench.refusal { try await bench.logIn(email, password: "wrong") }
    }
    #expect(await bench.refusal { try await bench.logIn(email) } == "resourceExhausted")
    _ = try await bench.operators.unlockUser(
      AuthAPI.UnlockUserRequest(user: email), options: bench.nobody)
    _ = try await bench.logIn(email)
  }
}
