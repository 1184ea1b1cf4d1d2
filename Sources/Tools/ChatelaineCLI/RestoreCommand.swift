import ArgumentParser
import Foundation
import LocalDeployment

/// `chatelaine restore`: a backup into an empty database, all of it or nothing.
struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Put a backup into an empty database, all of it or nothing.",
    discussion: """
      For `chatelaine up`, makes the database cluster of a new state directory. For services that \
      run one by one, roles and empty schemas must be there: `chatelaine init` makes them. The \
      services must not run. Sessions end: everybody signs in again.

      Restore only what you have backed up: the roles that own the schemas run what it says.
      """)

  @OptionGroup var location: DatabaseLocation

  @Argument(help: "File that `chatelaine backup` has written, or - for standard input.")
  var path: String

  @Option(
    help: """
      File with the private key that `age` needs; may be repeated. None for a passphrase, which is \
      asked for on the terminal.
      """)
  var identity: [String] = []

  @Flag(help: "Drop what the schemas hold now.")
  var replace = false

  @Flag(help: "Only read it from its first byte to its last, and say what it is.")
  var check = false

  @Flag(help: "Print the result as one JSON object.")
  var json = false

  func validate() throws {
    guard !path.isEmpty else { throw ValidationError("the file's name must not be empty") }
    guard !(check && replace) else {
      throw ValidationError("--check changes nothing, so there is nothing to --replace")
    }
  }

  func run() async throws {
    signal(SIGPIPE, SIG_IGN)
    let restore = try DatabaseRestore(
      from: path == "-" ? .standardInput : .file(path), identities: identity)
    let report = check ? try await restore.check() : try await run(restore)
    if json { return Terminal.print(try Terminal.json(summary(of: report))) }
    let manifest = report.manifest
    Terminal.print(
      "\(check ? "read" : "restored") the database \(manifest.database) as of \(manifest.time)")
    for schema in DatabaseRoles.schemas {
      Terminal.print(
        "  \(schema): version \(manifest.schemas[schema]?.version ?? 0), "
          + "\(report.dumpBytes[schema] ?? 0) bytes")
    }
    let steps = steps(after: manifest)
    Terminal.print(check ? "It is whole. It needs:" : "Next:")
    for step in steps { Terminal.print("  \(step)") }
  }

  private func run(_ restore: DatabaseRestore) async throws -> DatabaseRestore.Report {
    let (keyring, replaces) = (location.keyring, replace)
    let binaries = try SupervisorOptions.ownDirectory()
    return try await restore.run { body in
      let into = { (database: OwnedDatabase) async throws -> DatabaseRestore.Report in
        try await body(
          RestoreTarget(
            database, keyring: keyring, binaries: binaries, replaces: replaces))
      }
      return switch location.place {
      case .state(let state): try await LocalDatabase(state).withStopped(into)
      case .secrets, .environment:
        try await into(DatabaseLocation.database(secretsDir: location.secretsDir))
      }
    }
  }

  // MARK: What is said

  private func steps(after manifest: BackupManifest) -> [String] {
    var steps: [String] = []
    let keys = manifest.masterKeyIDs.joined(separator: ", ")
    if !keys.isEmpty {
      let file = location.masterKeyFile
      let isThere = file.map { access($0, F_OK) == 0 } ?? false
      if check || !isThere {
        let place = file.map { " as \($0), with mode 0600" } ?? " in the place that the vault reads"
        steps.append("the master key \(keys)\(check ? "" : "\(place): nothing opens without it")")
      }
    }
    if check {
      steps.append("PostgreSQL \(manifest.serverRelease) or newer")
      return steps
    }
    switch location.place {
    case .state(let state): steps.append("chatelaine up --state-dir \(state.path)")
    case .secrets(let layout):
      steps.append("chatelaine migrate --secrets-dir \(layout.path), then start the services")
    case .environment: steps.append("chatelaine migrate, then start the services")
    }
    steps.append(
      "people sign in again; what was revoked, deleted or recorded after \(manifest.time) is as it "
        + "was: revoke stolen access tokens again")
    return steps
  }

  private struct Summary: Encodable {
    let manifest: BackupManifest
    let dumpBytes: [String: Int]
    let isRestored: Bool
    let next: [String]
  }

  private func summary(of report: DatabaseRestore.Report) -> Summary {
    Summary(
      manifest: report.manifest, dumpBytes: report.dumpBytes, isRestored: !check,
      next: steps(after: report.manifest))
  }
}
