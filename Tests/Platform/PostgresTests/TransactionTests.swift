import Postgres
import Synchronization
import TestSupport
import Testing

@Suite struct TransactionTests {
  private struct Refused: Error {}

  @Test func whatTheBodyDidIsThereAfterIt() async throws {
    try await withCounter { client async throws in
      let value = try await client.transaction { transaction in
        try await transaction.execute("UPDATE counter SET value = value + 1")
        return try await transaction.first("SELECT value FROM counter") {
          row throws(PostgresError) in try row.decode("value", as: Int.self)
        }
      }
      #expect(value == 1)
      #expect(try await counter(client) == 1)
    }
  }

  @Test func aThrowingBodyLeavesNothing() async throws {
    try await withCounter { client async throws in
      await #expect(throws: Refused.self) {
        try await client.transaction { transaction in
          try await transaction.execute("UPDATE counter SET value = 99")
          throw Refused()
        }
      }
      #expect(try await counter(client) == 0)
    }
  }

  @Test func aCancelledBodyLeavesNothing() async throws {
    try await withCounter { client async throws in
      let (updated, updating) = AsyncStream.makeStream(of: Void.self)
      let task = Task {
        try await client.transaction { transaction in
          try await transaction.execute("UPDATE counter SET value = 99")
          updating.finish()
          // Ends by cancellation only.
          try await Task.sleep(for: .seconds(3_600))
        }
      }
      for await _ in updated {}
      task.cancel()
      await #expect(throws: (any Error).self) { try await task.value }
      #expect(try await counter(client) == 0)
      // The connection is free and clean again.
      try await client.transaction { try await $0.execute("UPDATE counter SET value = 1") }
      #expect(try await counter(client) == 1)
    }
  }

  @Test func aBodyThatIgnoresItsCancellationIsNotCommitted() async throws {
    try await withCounter { client async throws in
      let (updated, updating) = AsyncStream.makeStream(of: Void.self)
      let (released, releasing) = AsyncStream.makeStream(of: Void.self)
      let task = Task {
        try await client.transaction { transaction in
          try await transaction.execute("UPDATE counter SET value = 99")
          updating.finish()
          for await _ in released {}
        }
      }
      for await _ in updated {}
      task.cancel()
      releasing.finish()
      await #expect(throws: PostgresError.cancelled) { try await task.value }
      #expect(try await counter(client) == 0)
    }
  }

  @Test func aSwallowedFailureIsNoCommit() async throws {
    try await withCounter { client async throws in
      await #expect(throws: PostgresError.transactionAborted) {
        try await client.transaction { transaction in
          try await transaction.execute("UPDATE counter SET value = 99")
          _ = try? await transaction.execute("SELECT 1 / 0")
        }
      }
      #expect(try await counter(client) == 0)
    }
  }

  @Test func aFailingFirstStatementIsReportedAsItself() async throws {
    try await withCounter { client async throws in
      do {
        try await client.transaction { _ = try await $0.execute("INSERT INTO nowhere VALUES (1)") }
        Issue.record("it succeeded")
      } catch let error as PostgresError {
        guard case .server(let server) = error else { throw error }
        #expect(server.sqlState.rawValue == "42P01")
      }
      try await client.expectAnswer()
    }
  }

  @Test func statementsSideBySideAreAllInTheTransaction() async throws {
    try await withCounter { client async throws in
      await #expect(throws: Refused.self) {
        try await client.transaction { transaction in
          await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
              group.addTask {
                _ = try? await transaction.execute("UPDATE counter SET value = value + 1")
              }
            }
          }
          let value = try await transaction.first("SELECT value FROM counter") {
            row throws(PostgresError) in try row.decode("value", as: Int.self)
          }
          #expect(value == 20)
          throw Refused()
        }
      }
      #expect(try await counter(client) == 0)
    }
  }

  @Test func aBodyWithoutStatementsNeedsNoServer() async throws {
    try await withCounter { client async throws in
      #expect(try await client.transaction { _ in 7 } == 7)
    }
  }

  @Test func aTransactionThatEscapedIsRefused() async throws {
    try await withCounter { client async throws in
      let transaction = try await client.transaction { transaction in
        try await transaction.execute("UPDATE counter SET value = 1")
        return transaction
      }
      await #expect(throws: PostgresError.transactionEnded) {
        try await transaction.execute("UPDATE counter SET value = 2")
      }
      #expect(try await counter(client) == 1)
    }
  }

  @Test func serializationFailuresAreRetriedWhenAskedFor() async throws {
    try await withCounter { client async throws in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 {
          group.addTask {
            try await client.transaction(isolation: .serializable, attemptsMax: 30) { transaction in
              let value = try await transaction.first("SELECT value FROM counter") {
                row throws(PostgresError) in try row.decode("value", as: Int.self)
              }
              try await transaction.execute("UPDATE counter SET value = \((value ?? 0) + 1)")
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await counter(client) == 4)
    }
  }

  @Test func aTransactionHasTheDeadlineOfItsCaller() async throws {
    try await withCounter { client async throws in
      await #expect(throws: PostgresError.timeout(.answer)) {
        try await client.transaction(timeout: .milliseconds(200)) { transaction in
          try await transaction.execute("UPDATE counter SET value = 99")
          _ = try await transaction.rows("SELECT pg_sleep(30)")
        }
      }
      #expect(try await counter(client) == 0)
    }
  }

  @Test func whatIsToComeAfterTheCommitComesAfterItOnly() async throws {
    try await withCounter { client async throws in
      let calls = Mutex(0)
      let callsInBody = try await client.transaction { transaction in
        transaction.afterCommit { calls.withLock { $0 += 1 } }
        try await transaction.execute("UPDATE counter SET value = 1")
        return calls.withLock { $0 }
      }
      #expect(callsInBody == 0)
      #expect(calls.withLock { $0 } == 1)
    }
  }

  @Test func whatIsToComeAfterTheCommitNeverComesWithoutOne() async throws {
    try await withCounter { client async throws in
      let calls = Mutex(0)
      await #expect(throws: Refused.self) {
        try await client.transaction { transaction in
          transaction.afterCommit { calls.withLock { $0 += 1 } }
          try await transaction.execute("UPDATE counter SET value = 1")
          throw Refused()
        }
      }
      await #expect(throws: PostgresError.transactionAborted) {
        try await client.transaction { transaction in
          transaction.afterCommit { calls.withLock { $0 += 1 } }
          _ = try? await transaction.execute("SELECT 1 / 0")
        }
      }
      #expect(calls.withLock { $0 } == 0)
    }
  }

  private func withCounter(_ body: (PostgresClient) async throws -> Void) async throws {
    try await withClient { client in
      try await client.execute("CREATE TABLE counter (value int8 NOT NULL)")
      try await client.execute("INSERT INTO counter VALUES (0)")
      try await body(client)
    }
  }

  private func counter(_ client: PostgresClient) async throws -> Int? {
    try await client.first("SELECT value FROM counter") {
      row throws(PostgresError) in try row.decode("value", as: Int.self)
    }
  }
}
