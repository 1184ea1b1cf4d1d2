import Cryptography
import FoundationEssentials
import Glibc
import Logging
import Postgres

/// `<service> migrate [--plan]`: brings the service's schema up to date as the role that owns it,
/// or prints what that would apply; `--version` only says how many migrations it knows. A service
/// itself never has that role's password.
enum MigrationJob {
  static let variable = "MIGRATION_DATABASE_URL"

  private enum Mode { case apply, plan, printConfiguration }

  /// Exits 0 when the schema is up to date, or could be planned; 78 without a usable URL; 64 for a
  /// wrong argument; 1 for the rest.
  static func main(_ schema: Schema, arguments: [String]) async -> Never {
    let mode: Mode
    switch arguments {
    case []: mode = .apply
    case ["--plan"]: mode = .plan
    case ["--print-configuration"]: mode = .printConfiguration
    case ["--version"]:
      say("\(schema.version)")
      exit(EX_OK)
    default:
      Logger.failStart(schema.name, ["\(StartupError.usage(arguments.last ?? ""))"])
      exit(EX_USAGE)
    }
    var reader = ConfigurationReader(environment: ProcessInfo.processInfo.environment)
    let configuration = reader.secret(
      variable, doc: "PostgreSQL connection URL of the role that owns the service's schema.",
      parse: { try PostgresConfiguration(url: $0) })
    if mode == .printConfiguration {
      say(EnvironmentDocument.text(of: reader.declarations))
      exit(EX_OK)
    }
    do throws(ConfigurationError) {
      try reader.finish()
      let configuration = try reader.require(configuration)
      exit(await run(schema, mode, configuration))
    } catch {
      Logger.failStart(schema.name, error.problems.map(\.description))
      exit(EX_CONFIG)
    }
  }

  private static func run(
    _ schema: Schema, _ mode: Mode, _ configuration: PostgresConfiguration
  ) async -> Int32 {
    let logger = Logger(label: schema.name) { JSONLogHandler(label: $0, logLevel: .warning) }
    do throws(PostgresMigrationError) {
      let migrations =
        mode == .plan
        ? try await PostgresMigrator.plan(schema, using: configuration, logger: logger)
        : try await PostgresMigrator.migrate(schema, using: configuration, logger: logger)
      for migration in migrations {
        let verb = mode == .plan ? "would apply" : "applied"
        say("\(schema.name): \(verb) \(migration.number) \(migration.name)")
      }
      if migrations.isEmpty { say("\(schema.name): up to date") }
      return EX_OK
    } catch {
      logger.critical("cannot migrate: \(error)")
      return EXIT_FAILURE
    }
  }

  /// A line on standard output, for whoever runs the job: its result, apart from the log.
  private static func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = Glibc.write(STDOUT_FILENO, bytes, bytes.count)
  }
}
