import ArgumentParser
import Foundation
import LocalDeployment

/// `chatelaine backup`: the whole database in one encrypted file.
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Write the whole database, as it is at one moment, to one encrypted file.",
    discussion: """
      Services may run meanwhile. The file is encrypted by `age`, which must be installed as \
      well as PostgreSQL's `pg_dump`: for the holders of a private key (`age-keygen` makes one), \
      or with a passphrase that is asked for on the terminal. Nothing is written in the clear.

      The master key is not in it: keep that apart. Reads the database as the roles that own the \
      schemas, like `chatelaine migrate`.
      """)

  @OptionGroup var location: DatabaseLocation

  @Argument(
    help: """
      File to write, which must not be there; or a directory, which gets one named after the time; \
      or - for standard output.
      """)
  var path: String

  @Option(help: "Who can read it: age1… or an SSH public key; may be repeated.")
  var recipient: [String] = []

  @Option(help: "File with one recipient a line; may be repeated.")
  var recipientsFile: [String] = []

  @Flag(help: "Encrypt with a passphrase, asked for on the terminal.")
  var passphrase = false

  @Option(help: "With a directory: keep only that many of its backups, the newest ones.")
  var keep: Int?

  @Flag(help: "Print the result as one JSON object.")
  var json = false

  func validate() throws {
    guard !path.isEmpty else { throw ValidationError("the file's name must not be empty") }
    _ = try key()
    if let keep, keep < 1 { throw ValidationError("--keep must be at least 1") }
    if keep != nil, !BackupDirectory.isDirectory(path) {
      throw ValidationError("--keep needs a directory to look after")
    }
    if path == "-", json { throw ValidationError("--json and - both want standard output") }
  }

  func run() async throws {
    signal(SIGPIPE, SIG_IGN)
    let destination: DatabaseBackup.Destination =
      path == "-"
      ? .standardOutput
      : .file(
        BackupDirectory.isDirectory(path)
          ? BackupDirectory(path).newPath() : path)
    let report = try await backUp(to: destination)
    var removed: [String] = []
    if let keep { removed = try BackupDirectory(path).prune(keeping: keep) }
    guard case .file(let file) = destination else {
      return Self.lines(report, "standard output", location).forEach(Terminal.report)
    }
    if json {
      return Terminal.print(try Self.json(report, file, location, removed: removed))
    }
    Self.lines(report, file, location).forEach(Terminal.print)
    for path in removed { Terminal.print("removed \(path)") }
  }

  private func key() throws -> AgeEncryption.Key {
    switch (recipient.isEmpty, recipientsFile.isEmpty, passphrase) {
    case (false, true, false): return .recipients(recipient)
    case (true, false, false): return .recipientsFiles(recipientsFile)
    case (true, true, true): return .passphrase
    default:
      throw ValidationError(
        "say who can read the backup by one of --recipient, --recipients-file and --passphrase")
    }
  }

  private func backUp(
    to destination: DatabaseBackup.Destination
  ) async throws -> DatabaseBackup.Report {
    let key = try key()
    switch location.place {
    case .state(let state):
      return try await LocalDatabase(state).withExisting { database in
        try await DatabaseBackup(of: database, encryptedFor: key).run(to: destination)
      }
    case .secrets, .environment:
      let database = try DatabaseLocation.database(secretsDir: location.secretsDir)
      return try await DatabaseBackup(of: database, encryptedFor: key).run(to: destination)
    }
  }

  // MARK: What is said

  private static func lines(
    _ report: DatabaseBackup.Report, _ name: String, _ location: DatabaseLocation
  ) -> [String] {
    let manifest = report.manifest
    let size = report.fileBytes.map { ", \($0) bytes" } ?? ""
    let schemas = DatabaseRoles.schemas.map { schema in
      "  \(schema): version \(manifest.schemas[schema]?.version ?? 0), "
        + "\(report.dumpBytes[schema] ?? 0) bytes"
    }
    let keys = manifest.masterKeyIDs
    let place = location.masterKeyFile.map { " (\($0))" } ?? ""
    let masterKey =
      keys.isEmpty
      ? "the master key\(place), under which nothing is sealed yet"
      : "the master key \(keys.joined(separator: ", "))\(place): "
        + "without it no stored key can be opened"
    return ["backed up the database \(manifest.database) as of \(manifest.time) to \(name)\(size)"]
      + schemas + [
        "Keep as well, and not in the same place:",
        "  \(masterKey)",
        "  what decrypts this file: the private key of the recipient, or the passphrase",
        "  the key that signs the log, log-signing.pem: without it the log isn't continued",
        "  your settings; certificates, database passwords and the key that signs assertions can "
          + "be made anew",
      ]
  }

  private struct Summary: Encodable {
    let file: String
    let fileBytes: Int?
    let dumpBytes: [String: Int]
    let manifest: BackupManifest
    let masterKeyFile: String?
    let removed: [String]
  }

  private static func json(
    _ report: DatabaseBackup.Report, _ file: String, _ location: DatabaseLocation,
    removed: [String]
  ) throws -> String {
    try Terminal.json(
      Summary(
        file: file, fileBytes: report.fileBytes, dumpBytes: report.dumpBytes,
        manifest: report.manifest, masterKeyFile: location.masterKeyFile, removed: removed))
  }
}

/// A directory of backups that are named after their time.
private struct BackupDirectory {
  private static let prefix = "chatelaine-"
  private static let suffix = ".age"

  private let path: String

  init(_ path: String) { self.path = path }

  static func isDirectory(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
      && isDirectory.boolValue
  }

  func newPath() -> String {
    let time = Date().formatted(
      Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted, timeZone: .gmt))
    return "\(path)/\(Self.prefix)\(time)\(Self.suffix)"
  }

  /// Removes all but the newest, and what killed runs have left; names sort by time.
  func prune(keeping count: Int) throws -> [String] {
    let ours = try FileManager.default.contentsOfDirectory(atPath: path)
      .filter { $0.hasPrefix(Self.prefix) }
    for name in ours where name.hasSuffix(Self.suffix + BackupFile.partialSuffix) {
      // One that is being written is somebody's.
      try? BackupFile.removeRemains("\(path)/\(name)")
    }
    let names = ours.filter { $0.hasSuffix(Self.suffix) }
    return try names.sorted().dropLast(count).map { name in
      try FileManager.default.removeItem(atPath: "\(path)/\(name)")
      return "\(path)/\(name)"
    }
  }
}
