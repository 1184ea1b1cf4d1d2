import Foundation

/// Runs the migrations of schemas with the programs that know them: `<service> migrate`.
package struct MigrationJob: Sendable {
  /// A large table takes its time; whoever is in a hurry presses Ctrl-C, and nothing is lost.
  package static let timeout: Duration = .seconds(6 * 3_600)
  /// What the programs call the URL of the role that owns the schema.
  package static let variable = "MIGRATION_DATABASE_URL"

  /// Where the URL of the role that owns a schema is.
  package enum URLSource: Sendable, Equatable {
    case file(String)
    case value(String)
  }

  /// Directory of the services' executables.
  let binaries: String

  package init(binaries: String) { self.binaries = binaries }

  /// Applies what the schema lacks, or with `plan` only says what that is; returns a line for each
  /// migration, or one that says that there is none.
  ///
  /// - Throws: `DeploymentError` with what the program said.
  @discardableResult
  package func run(
    _ schema: String, url: URLSource, plan: Bool = false
  ) async throws -> String {
    var environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"]
    switch url {
    case .file(let path): environment[Self.variable + "_FILE"] = path
    case .value(let value): environment[Self.variable] = value
    }
    return try await run(schema, arguments: plan ? ["--plan"] : [], environment: environment)
  }

  func run(
    _ schema: String, arguments: [String], environment: [String: String]
  ) async throws -> String {
    let path = "\(binaries)/\(schema)"
    guard access(path, X_OK) == 0 else {
      throw DeploymentError.file(path: path, reason: "is missing; build the services first")
    }
    let command = Command(
      path: path, arguments: ["migrate"] + arguments, environment: environment,
      workingDirectory: "/")
    let output = try await command.run(timeout: Self.timeout)
    return output.trimmingCharacters(in: .newlines)
  }
}
