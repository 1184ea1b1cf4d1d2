import ArgumentParser
import Foundation
import LocalDeployment

/// `chatelaine migrate`: the migrations of all services, before these are started or updated.
struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Bring the services' schemas up to date, before the services start.",
    discussion: """
      Connects as the roles that own the schemas: with the files that `chatelaine init` has put \
      into migrate/ of the secrets directory, else with AUTH_MIGRATION_DATABASE_URL, \
      VAULT_MIGRATION_DATABASE_URL and AUDIT_MIGRATION_DATABASE_URL, each of which may have _FILE \
      behind it and name a file. Any number of jobs may run at once; a job that was interrupted is \
      completed by the next. `chatelaine up` does this by itself.
      """)

  @Option(help: "Directory that `chatelaine init` has filled.")
  var secretsDir: String?

  @Flag(help: "Only print what would be applied.")
  var plan = false

  @Option(help: "Only this schema: auth, vault or audit; may be given more than once.")
  var only: [String] = []

  func validate() throws {
    for name in only where !DatabaseRoles.schemas.contains(name) {
      throw ValidationError(
        "--only must be one of \(DatabaseRoles.schemas.joined(separator: ", "))")
    }
  }

  func run() async throws {
    let job = MigrationJob(binaries: try SupervisorOptions.ownDirectory())
    let schemas = DatabaseRoles.schemas.filter { only.isEmpty || only.contains($0) }
    let sources = try schemas.map { ($0, try Self.source(of: $0, secretsDir: secretsDir)) }
    for (schema, source) in sources {
      Terminal.print(try await job.run(schema, url: source, plan: plan))
    }
  }

  /// Where the connection URL of the role that owns a schema is.
  static func source(
    of schema: String, secretsDir: String?
  ) throws -> MigrationJob.URLSource {
    if let secretsDir {
      return .file(SecretsLayout(secretsDir).ownerURLFile(of: schema))
    }
    let environment = ProcessInfo.processInfo.environment
    let variable = "\(schema.uppercased())_\(MigrationJob.variable)"
    if let file = environment[variable + "_FILE"], !file.isEmpty { return .file(file) }
    if let value = environment[variable], !value.isEmpty { return .value(value) }
    throw CommandError(
      "neither \(variable) nor \(variable)_FILE is set, and there is no --secrets-dir")
  }
}
