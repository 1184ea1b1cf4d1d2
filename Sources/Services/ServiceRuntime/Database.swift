import Logging
package import Postgres
package import ServiceLifecycle
import Telemetry

/// How a service reaches its schema.
package struct DatabaseConfiguration: Sendable {
  /// As the role that reads and writes rows.
  package let runtime: PostgresConfiguration
  /// How long a start waits for the database and for its migrations.
  package let patience: Duration

  /// Reads the settings; nil when the reader has noted problems with them.
  package init?(from reader: inout ConfigurationReader) {
    let runtime = reader.secret(
      "DATABASE_URL", doc: "PostgreSQL connection URL of the service's run-time role.",
      parse: { try PostgresConfiguration(url: $0) })
    let connectionsMax = reader.integer(
      "DATABASE_CONNECTIONS_MAX", default: PostgresConfiguration.connectionsMaxDefault,
      in: 1...100, doc: "Connections to PostgreSQL; each carries many queries at once.")
    let pooler =
      reader.parsed(
        "DATABASE_POOLER", default: PostgresConfiguration.Pooler.none.rawValue,
        doc: "What stands between the service and PostgreSQL: none, or transaction for PgBouncer "
          + "with pool_mode=transaction. Migrations always need the server itself.",
        expected: "none or transaction", parse: PostgresConfiguration.Pooler.init(rawValue:))
      ?? .none
    patience = reader.duration(
      "DATABASE_START_TIMEOUT", default: .seconds(60), in: .zero...(.seconds(3600)),
      doc: "How long a start waits for the database and for its migrations before it gives up.")
    guard var runtime else { return nil }
    runtime.connectionsMax = connectionsMax
    runtime.pooler = pooler
    self.runtime = runtime
  }
}

extension ServiceChassis {
  /// Connects to the service's schema once that is up to date; `service` belongs first into the
  /// list of what the process runs.
  ///
  /// Throws `StartupError.schema` when the migrations have not been run in time, or by a release
  /// that this one can't follow: a service never runs on a schema that it doesn't know.
  package func database(
    _ configuration: DatabaseConfiguration, schema: Schema
  ) async throws -> (client: PostgresClient, service: any Service) {
    let reporter = StatementReporter(
      slowAfter: settings.slowStatementAfter, metrics: observability.metrics, tracer: tracer,
      logger: logger)
    let client = PostgresClient(
      configuration.runtime, eventLoopGroup: eventLoopGroup, logger: logger, observer: reporter)
    do {
      try await waitUntilUsable(schema, in: client, patience: configuration.patience)
    } catch {
      await client.close()
      throw error
    }
    observe(client)
    observability.readiness.require("database") {
      try await client.ping(timeout: Readiness.checkTimeout)
    }
    // Not a reason to be sent no more work: what is stored can be read.
    observability.readiness.remark("storage") { reporter.isStorageFull ? "full" : nil }
    observability.metrics.observe("postgres.storage.full") {
      [.init(reporter.isStorageFull ? 1 : 0)]
    }
    return (client, PostgresService(client: client))
  }

  /// Asks again and again, as nothing announces the end of a migration to other programs.
  private func waitUntilUsable(
    _ schema: Schema, in postgres: PostgresClient, patience: Duration
  ) async throws {
    let deadline = ContinuousClock.now + patience
    var lastReason = ""
    while true {
      let reason: String
      switch await Self.answer(of: schema, in: postgres) {
      case .success(.usable(let version)):
        logger.info("schema found", metadata: ["version": "\(version)"])
        return
      case .success(.tooNew(let version, let needed, let known)):
        throw StartupError.schema(
          "the schema \(schema.name) has version \(version), which needs a program that knows "
            + "version \(needed); this one knows \(known): install the newer release")
      case .success(.older(let version, let needed)):
        reason =
          "the schema \(schema.name) has version \(version), and this program needs \(needed): "
          + "run the migrations (chatelaine migrate)"
      case .failure(let error):
        guard error.kind == .unavailable || error.kind == .storageFull else { throw error }
        reason = "the database can't be used: \(error)"
      }
      guard ContinuousClock.now < deadline else { throw StartupError.schema(reason) }
      if reason != lastReason { logger.notice("waiting", metadata: ["reason": "\(reason)"]) }
      lastReason = reason
      try await Task.sleep(for: Self.schemaPause)
    }
  }

  private static func answer(
    of schema: Schema, in postgres: PostgresClient
  ) async -> Result<SchemaVersion, PostgresError> {
    do throws(PostgresError) {
      return .success(try await schema.version(in: postgres))
    } catch {
      return .failure(error)
    }
  }

  private static var schemaPause: Duration { .milliseconds(250) }
}

extension ServiceChassis {
  private func observe(_ client: PostgresClient) {
    let metrics = observability.metrics
    metrics.observe("postgres.connections") {
      let now = client.statistics
      return [
        ("idle", now.idle), ("busy", now.busy), ("in_transaction", now.inTransaction),
        ("opening", now.opening),
      ].map { .init(Double($0.1), [("state", $0.0)]) }
    }
    metrics.observe("postgres.connections.max") {
      [.init(Double(client.configuration.connectionsMax))]
    }
    metrics.observe("postgres.waiters") { [.init(Double(client.statistics.waiting))] }
    metrics.observe("postgres.statements.in_flight") {
      [.init(Double(client.statistics.statementsInFlight))]
    }
  }
}

/// Keeps the database's connections until everything that queries has stopped.
private struct PostgresService: Service {
  let client: PostgresClient

  func run() async throws {
    try await withGracefulShutdownHandler {
      try await client.run()
    } onGracefulShutdown: {
      client.beginGracefulShutdown()
    }
  }
}
