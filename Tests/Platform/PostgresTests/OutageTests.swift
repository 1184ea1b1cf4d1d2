import LocalDeployment
import Postgres
import TestSupport
import Testing

/// Each test has a server of its own, which it mistreats.
@Suite struct OutageTests {
  /// The limit is far above seven deadlines and far below what TCP or libpq alone would take.
  @Test(.timeLimit(.minutes(2)))
  func aFrozenServerCostsNoCallerMoreThanItsDeadline() async throws {
    let postgres = TestPostgres()
    try await withClient(on: postgres, adjusting: { $0.connectTimeout = .seconds(2) }) { client in
      try await client.expectAnswer()
      try await postgres.freeze()
      // The first is on its way to the frozen server, the later ones cannot even connect.
      await #expect(throws: PostgresError.timeout(.answer)) {
        try await client.ping(timeout: .milliseconds(300))
      }
      for _ in 0..<3 {
        await #expect(throws: PostgresError.self) {
          try await client.ping(timeout: .milliseconds(300))
        }
        await #expect(throws: PostgresError.self) {
          try await client.transaction(timeout: .milliseconds(300)) {
            _ = try await $0.rows("SELECT 1")
          }
        }
      }
      try await postgres.thaw()
      try await pingUntilItAnswers(client)
    }
  }

  @Test func aRestartedServerIsFoundAgain() async throws {
    let postgres = TestPostgres()
    try await withClient(on: postgres) { client in
      try await client.expectAnswer()
      let cluster = try await postgres.cluster()
      try await cluster.stop()
      do throws(PostgresError) {
        try await client.ping(timeout: .milliseconds(300))
        Issue.record("a stopped server answered")
      } catch {
        #expect(error != .poolExhausted)
      }
      try await cluster.start()
      try await pingUntilItAnswers(client)
    }
  }

  @Test func aTerminatedBackendFailsWhatItRanAndIsReplaced() async throws {
    try await withClient(adjusting: { $0.connectionsMax = 2 }) { client in
      await #expect(throws: PostgresError.connectionClosed) {
        try await client.rows("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(10)")
      }
      try await client.expectAnswer()
      await #expect(throws: PostgresError.connectionClosed) {
        try await client.transaction { transaction in
          _ = try await transaction.rows("SELECT 1")
          _ = try? await transaction.rows("SELECT pg_terminate_backend(pg_backend_pid())")
          _ = try await transaction.rows("SELECT 2")
        }
      }
      try await client.expectAnswer()
    }
  }

  @Test func aServerThatIsNotThereIsAConnectionFailure() async throws {
    var configuration = try PostgresConfiguration(
      url: "postgres://user:hunter2@/database?host=/nonexistent")
    configuration.acquireTimeout = .milliseconds(500)
    try await withClient(of: configuration) { client in
      do throws(PostgresError) {
        try await client.expectAnswer()
        Issue.record("nobody answered")
      } catch {
        guard case .connectionFailed(let detail) = error else { throw error }
        #expect(detail.contains("/nonexistent"))
        #expect(!detail.contains("hunter2"))
      }
    }
  }
}
