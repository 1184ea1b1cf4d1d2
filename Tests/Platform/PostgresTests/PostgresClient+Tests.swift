import Logging
import NIOPosix
import Postgres
import TestSupport

/// Runs `body` with a client for a new database and closes the client.
@discardableResult
func withClient<Value>(
  on postgres: TestPostgres = .shared,
  adjusting adjust: (inout PostgresConfiguration) -> Void = { _ in },
  _ body: (PostgresClient) async throws -> Value
) async throws -> Value {
  var configuration = try await postgres.database()
  // A busy machine must not fail a test that is about something else.
  configuration.acquireTimeout = .seconds(60)
  configuration.queryTimeout = .seconds(60)
  configuration.transactionTimeout = .seconds(60)
  adjust(&configuration)
  return try await withClient(of: configuration, body)
}

/// Runs `body` with a client of `configuration` and closes the client.
@discardableResult
func withClient<Value>(
  of configuration: PostgresConfiguration, _ body: (PostgresClient) async throws -> Value
) async throws -> Value {
  let client = PostgresClient(
    configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: .quiet)
  do {
    let value = try await body(client)
    await client.close()
    return value
  } catch {
    await client.close()
    throw error
  }
}

extension PostgresQuerying {
  func expectAnswer() async throws(PostgresError) { _ = try await rows("SELECT 1") }
}

/// Every attempt is bounded by its own deadline; the test's time limit bounds their number.
func pingUntilItAnswers(_ client: PostgresClient) async throws {
  while true {
    do throws(PostgresError) { return try await client.ping(timeout: .seconds(5)) } catch {
      try Task.checkCancellation()
    }
  }
}

extension Logger {
  static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
