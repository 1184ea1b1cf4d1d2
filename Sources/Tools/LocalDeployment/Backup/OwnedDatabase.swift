import Cryptography
import Foundation
import Postgres

/// A deployment's database as the roles that own its schemas: what `chatelaine migrate` connects
/// with, which neither the services nor their certificates have.
package struct OwnedDatabase: Sendable {
  static let timeout: Duration = .seconds(30)

  /// By schema.
  let configurations: [String: PostgresConfiguration]

  /// - Parameter source: where the connection URL of a schema's owner is.
  /// - Throws: `DeploymentError` for a file that is missing or holds no connection URL.
  package init(source: (String) throws -> MigrationJob.URLSource) throws {
    var configurations: [String: PostgresConfiguration] = [:]
    for schema in DatabaseRoles.schemas {
      let (text, name) = try Self.text(of: source(schema))
      do {
        configurations[schema] = try PostgresConfiguration(url: SecretBytes(utf8: text))
      } catch {
        throw DeploymentError.environment("\(name): \(error)")
      }
    }
    self.configurations = configurations
  }

  /// The database that `chatelaine up` keeps in a state directory; its cluster must run.
  init(state: StateDirectory) throws {
    try self.init { .file(state.databaseURLFile(of: DatabaseRoles.owner(of: $0))) }
  }

  private static func text(of source: MigrationJob.URLSource) throws -> (String, String) {
    switch source {
    case .value(let text): return (text, MigrationJob.variable)
    case .file(let path):
      guard let text = try SecretFile.readLine(path) else {
        throw DeploymentError.file(path: path, reason: "is missing")
      }
      return (text, path)
    }
  }

  func configuration(of schema: String) throws -> PostgresConfiguration {
    guard let configuration = configurations[schema] else {
      throw DeploymentError.environment("there is no connection URL for the schema \(schema)")
    }
    return configuration
  }

  /// One of PostgreSQL's programs as a schema's owner: the password in the environment, where the
  /// machine's other users don't see it.
  func command(
    _ path: String, _ arguments: [String], as schema: String
  ) throws -> Command {
    let configuration = try configuration(of: schema)
    var environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"]
    configuration.password?.withUTF8String { environment["PGPASSWORD"] = $0 }
    let url = configuration.withoutPassword.url.withUTF8String { $0 }
    return Command(
      path: path, arguments: arguments + ["--no-password", "--dbname=\(url)"],
      environment: environment, workingDirectory: "/")
  }
}

/// PostgreSQL's client programs of one release.
struct PostgresTools: Sendable {
  private static let debianRoot = "/usr/lib/postgresql"

  private let directory: String

  /// The programs of the release itself where they are installed, else of the next newer one:
  /// `pg_dump` reads no server that is newer than itself.
  ///
  /// - Throws: `DeploymentError.missingProgram` with the Debian package.
  init(release: Int, programs: [String]) throws {
    let installed = (try? FileManager.default.contentsOfDirectory(atPath: Self.debianRoot)) ?? []
    let candidates =
      installed.compactMap(Int.init).filter { $0 >= release }.sorted()
      .map { "\(Self.debianRoot)/\($0)/bin" } + Self.searchPath
    let complete = candidates.first { directory in
      programs.allSatisfy { access("\(directory)/\($0)", X_OK) == 0 }
    }
    guard let complete else {
      throw DeploymentError.missingProgram(
        name: "\(programs.joined(separator: " or ")) of PostgreSQL \(release) or newer",
        package: "postgresql-client-\(release)")
    }
    directory = complete
  }

  func path(_ program: String) -> String { "\(directory)/\(program)" }

  static var searchPath: [String] {
    (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
      .split(separator: ":").map(String.init)
  }
}
