import ArgumentParser
import Foundation
import LocalDeployment

/// Which deployment's database: that of `chatelaine up`, or one whose owners' URLs are given.
struct DatabaseLocation: ParsableArguments {
  @Option(help: "Directory that `chatelaine init` has filled.")
  var secretsDir: String?

  @Option(
    help: """
      State of `chatelaine up`, whether or not it runs; \(StateDirectory.pathDefault) when nothing \
      else is given.
      """)
  var stateDir: String?

  func validate() throws {
    guard secretsDir == nil || stateDir == nil else {
      throw ValidationError("--secrets-dir and --state-dir exclude each other")
    }
    guard secretsDir != "" else { throw ValidationError("--secrets-dir must not be empty") }
    guard stateDir != "" else { throw ValidationError("--state-dir must not be empty") }
  }

  enum Place {
    case state(StateDirectory)
    case secrets(SecretsLayout)
    /// The variables of `chatelaine migrate`.
    case environment
  }

  var place: Place {
    if let secretsDir { return .secrets(SecretsLayout(secretsDir)) }
    if let stateDir { return .state(StateDirectory(stateDir)) }
    let isGiven = DatabaseRoles.schemas.contains {
      Self.variable($0, "") || Self.variable($0, "_FILE")
    }
    return isGiven ? .environment : .state(StateDirectory(StateDirectory.pathDefault))
  }

  private static func variable(_ schema: String, _ suffix: String) -> Bool {
    let name = "\(schema.uppercased())_\(MigrationJob.variable)\(suffix)"
    return ProcessInfo.processInfo.environment[name]?.isEmpty == false
  }

  /// Where the master keys are kept; nil when nobody has said.
  var keyring: KeyringFile? {
    switch place {
    case .state(let state): KeyringFile(state)
    case .secrets(let layout): KeyringFile(layout)
    case .environment: nil
    }
  }

  var masterKeyFile: String? { keyring?.path }

  /// The URLs of the roles that own the schemas, outside of `chatelaine up`.
  static func database(secretsDir: String?) throws -> OwnedDatabase {
    try OwnedDatabase { try MigrateCommand.source(of: $0, secretsDir: secretsDir) }
  }
}
