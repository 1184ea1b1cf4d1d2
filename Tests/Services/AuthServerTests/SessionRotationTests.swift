import Postgres
import RPC
import ServiceAPI
import TestSupport
import Testing

@testable import Auth
@testable import AuthServer

/// A session that goes on under another token.
@Suite struct SessionRotationTests {
  @Test func theTokenBeforeIsDeadAndTheSessionTheSame() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    let account = try await bench.signUp(email)
    let session = try await bench.logIn(email)
    let other = try await bench.logIn(email)
    func sessions(_ token: String) async throws -> [AuthAPI.Session] {
      try await bench.gateway.listSessions(
        AuthAPI.ListSessionsRequest(), options: try await bench.options(token)
      ).sessions
    }
    let before = try await sessions(session.token)
    let rotated = try await bench.gateway.rotateSession(
      AuthAPI.RotateSessionRequest(), options: session.options)
    #expect(rotated.sessionToken.hasPrefix("chs_") && rotated.sessionToken != session.token)
    #expect(!(await bench.isAlive(session.token)))
    #expect(await bench.isAlive(other.token))
    let after = try await sessions(rotated.sessionToken)
    #expect(after.map(\.id).sorted() == before.map(\.id).sorted())
    let current = try #require(after.first { $0.isCurrent })
    #expect(current.id == before.first { $0.isCurrent }?.id)
    #expect(current.expireTime == rotated.expireTime)
    // Every gateway hears of it, and lets go what it runs for the one before.
    let told = try await bench.database.superuser.all(
      """
      SELECT credential_id::text AS id FROM auth.revocations WHERE credential_id IS NOT NULL
      """
    ) { row throws(PostgresError) in try row.decode("id", as: String.self) }
    #expect(told.contains(current.id))
    // Nobody's act that the log would be about.
    #expect(!(try await bench.log(of: account)).contains("session.rotate"))
  }

  @Test func aSessionThatHasEndedIsNotGivenAnother() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    let session = try await bench.logIn(email)
    _ = try await bench.gateway.deleteCurrentSession(
      AuthAPI.DeleteCurrentSessionRequest(), options: session.options)
    #expect(
      await bench.refusal {
        try await bench.gateway.rotateSession(
          AuthAPI.RotateSessionRequest(), options: session.options)
      } == "notFound")
  }
}
