import Postgres
import TestSupport
import Testing

@Suite struct PoolTests {
  @Test func aFullPoolSaysSo() async throws {
    try await withClient(adjusting: {
      $0.connectionsMax = 1
      $0.waitersMax = 1
    }) { client in
      try await client.expectAnswer()
      try await client.transaction { _ in
        async let one = failureOfPing(client)
        async let other = failureOfPing(client)
        let failures = await [one, other]
        #expect(failures.contains(.poolExhausted))
        #expect(failures.contains(.timeout(.connection)))
      }
      try await client.expectAnswer()
    }
  }

  @Test func nobodyWaitsLongerThanThePoolAllows() async throws {
    try await withClient(adjusting: {
      $0.connectionsMax = 1
      $0.acquireTimeout = .milliseconds(100)
    }) { client in
      try await pingUntilItAnswers(client)
      try await client.transaction { _ in
        await #expect(throws: PostgresError.poolExhausted) { try await client.expectAnswer() }
      }
    }
  }

  @Test func aWaitersOwnDeadlineComesFirst() async throws {
    try await withClient(adjusting: { $0.connectionsMax = 1 }) { client in
      try await client.transaction { _ in
        await #expect(throws: PostgresError.timeout(.connection)) {
          try await client.ping(timeout: .milliseconds(50))
        }
      }
    }
  }

  @Test func aCancelledWaiterMakesRoom() async throws {
    try await withClient(adjusting: {
      $0.connectionsMax = 1
      $0.waitersMax = 1
    }) { client in
      try await client.transaction { _ in
        let waiter = Task { try await client.expectAnswer() }
        waiter.cancel()
        await #expect(throws: PostgresError.cancelled) { try await waiter.value }
        await #expect(throws: PostgresError.timeout(.connection)) {
          try await client.ping(timeout: .milliseconds(50))
        }
      }
    }
  }

  @Test func waitersAreServedWhenATransactionEnds() async throws {
    try await withClient(adjusting: { $0.connectionsMax = 1 }) { client in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<20 {
          group.addTask {
            try await client.transaction { _ = try await $0.rows("SELECT 1") }
          }
          group.addTask { try await client.expectAnswer() }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test func aCancelledQueryEndsAtOnceAndItsConnectionLives() async throws {
    try await withClient(adjusting: { $0.connectionsMax = 1 }) { client in
      try await client.expectAnswer()
      let query = Task { try await client.rows("SELECT pg_sleep(0.2)") }
      query.cancel()
      await #expect(throws: PostgresError.cancelled) { try await query.value }
      try await client.expectAnswer()
    }
  }

  @Test func anOldConnectionIsReplaced() async throws {
    try await withClient(adjusting: {
      $0.connectionsMax = 1
      $0.connectionLifetime = .zero
    }) { client in
      let first = try await backend(client)
      let second = try await backend(client)
      #expect(first != second)
    }
  }

  @Test func gracefulShutdownLetsWorkEnd() async throws {
    try await withClient { client in
      async let run: Void = client.run()
      try await client.transaction { transaction in
        client.beginGracefulShutdown()
        await #expect(throws: PostgresError.shuttingDown) { try await client.expectAnswer() }
        let rows = try await transaction.rows("SELECT 1")
        #expect(rows.count == 1)
      }
      try await run
    }
  }

  @Test func cancellingRunClosesTheClient() async throws {
    try await withClient { client in
      try await client.expectAnswer()
      let run = Task { try await client.run() }
      run.cancel()
      try await run.value
      await #expect(throws: PostgresError.shuttingDown) { try await client.expectAnswer() }
    }
  }

  private func failureOfPing(_ client: PostgresClient) async -> PostgresError? {
    do throws(PostgresError) {
      try await client.ping(timeout: .milliseconds(300))
      return nil
    } catch {
      return error
    }
  }

  private func backend(_ client: PostgresClient) async throws -> Int? {
    try await client.first("SELECT pg_backend_pid() AS id") {
      row throws(PostgresError) in try row.decode("id", as: Int.self)
    }
  }
}
