import ArgumentParser
import Cryptography
import DotEnv
import EnvImport
import Files
import LocalDeployment
import Providers

/// `chatelaine env`: environment files.
struct EnvCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "env", abstract: "Move keys between environment files and the vault.",
    subcommands: [EnvImportCommand.self, EnvExportCommand.self])
}

/// `chatelaine env import`: stores the provider keys of an environment file for one user.
struct EnvImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Store the provider keys of an environment file.",
    discussion: """
      For yourself, where you are logged in ('chatelaine login', with a token that may change \
      keys), or, by the operator at the machine of the deployment, for the person of --user.

      Reads the file without running or expanding anything, and reports every line of it. A key \
      that is stored already under its provider and label is left as it is. Values are never \
      printed.

      The last line with a name counts. A key goes to the address that stands beside it, whichever \
      product's name that has (OPENAI_API_BASE_URL, ANTHROPIC_PROXY_URL, GOOGLE_URL, lists of Open \
      WebUI), under the label of its host; where the file leaves open which address is meant, it \
      is not stored. A second key of a provider gets the label of its variable. Placeholders and \
      references to where a key is kept (op://…, vault:…, $NAME) are not keys.

      An import of your own can be undone, by the name that it prints: new keys are deleted, a \
      replaced one gets its former key again, and what was changed since is left as it is.

      Exit status 3 when some lines were imported or there already and others are malformed, in \
      conflict with what is stored, or could not be stored; 1 when none was.
      """)

  @Argument(help: "The environment file; - for standard input.")
  var file: String?

  @Option(help: "E-mail address of the person who gets the keys; without it, you.")
  var user: String?

  @Option(help: "Take back what the import of this name has stored.")
  var undo: String?

  @Option(help: "The label of keys that would get 'default'.")
  var label: String?

  @Option(
    help: "What to do where another key is stored under that label: skip, replace, new-label.")
  var onConflict = ConflictRule.skip

  @Flag(help: "Say what would happen and store nothing.")
  var dryRun = false

  @Flag(help: "Print a JSON object for each line, and one for the counts.")
  var json = false

  @OptionGroup var location: StateLocation

  @OptionGroup var portal: PortalLocation

  func validate() throws {
    guard (file == nil) != (undo == nil) else {
      throw ValidationError("name one file, or with --undo the import that is to be undone")
    }
    guard user?.contains("@") ?? true else {
      throw ValidationError("--user must be an e-mail address")
    }
    guard undo == nil || user == nil else {
      throw ValidationError(
        "an import for another person can't be undone from here: that one can "
          + "take the keys away")
    }
    if let label, !ImportPlan.isLabel(label) {
      throw ValidationError("--label must be 1 to 64 characters of a-z, 0-9, '.', '_' and '-'")
    }
  }

  func run() async throws {
    if let undo { return try takeBack(undo) }
    guard let file else { return }
    var plan = try plan(of: file)
    if let label { plan.relabel(to: label) }
    let (outcomes, record) =
      if let user {
        (try await importForAnother(&plan, user), String?.none)
      } else {
        try await importForOneself(&plan)
      }
    let report = ImportReport(plan: plan, outcomes: outcomes, isRehearsal: dryRun)
    for line in json ? report.json : report.lines + [report.summary] { Terminal.print(line) }
    if let record { Terminal.report("to undo it: chatelaine env import --undo \(record)") }
    guard !report.isClean else { return }
    throw ExitCode(report.hasStored ? Terminal.partlyStatus : Terminal.failureStatus)
  }

  /// The file's name, as notes on its keys have it.
  private var source: String {
    guard let file, file != "-" else { return "standard input" }
    return file.split(separator: "/").last.map(String.init) ?? file
  }

  private func plan(of file: String) throws -> ImportPlan {
    // One byte more than allowed, so that the parser sees that there is too much.
    let path = file == "-" ? "/dev/stdin" : file
    let contents = try SecretFile(reading: path, bytesMax: DotEnvFile.bytesMax + 1).contents
    do {
      return ImportPlan(try DotEnvFile(parsing: contents).entries, catalogue: .standard)
    } catch {
      throw CommandError("\(file) \(error)")
    }
  }

  private func importForAnother(
    _ plan: inout ImportPlan, _ user: String
  ) async throws -> [ImportOutcome] {
    let session = try OperatorSession(location.state, command: "env import")
    let outcomes: [ImportOutcome]
    do {
      // Also for a plan without candidates: a wrong user is an error in any case.
      var run = ImportRun(
        try await OperatorImport(session, email: user), source: source, onConflict: onConflict)
      outcomes = try await run.run(&plan, validateOnly: dryRun)
    } catch {
      await session.close()
      throw error
    }
    await session.close()
    return outcomes
  }

  /// With the name by which it is undone; nil when nothing was stored.
  private func importForOneself(
    _ plan: inout ImportPlan
  ) async throws -> ([ImportOutcome], String?) {
    let session = try PersonSession(portal, command: "env import")
    let email = try session.call("GET", "/api/v1/me")["email"] as? String ?? ""
    var run = ImportRun(
      PersonImport(session: session), source: source, onConflict: onConflict)
    func record() throws -> String? {
      guard !run.imported.isEmpty else { return nil }
      return try ImportRecord(
        portal: session.address.description, email: email, keys: run.imported
      ).write()
    }
    do {
      let outcomes = try await run.run(&plan, validateOnly: dryRun)
      return (outcomes, try record())
    } catch {
      if let name = try record() {
        Terminal.report("some keys are stored; to undo it: chatelaine env import --undo \(name)")
      }
      throw error
    }
  }

  private func takeBack(_ name: String) throws {
    let record = try ImportRecord.read(name)
    let session = try PersonSession(portal, command: "env import --undo")
    let email = try session.call("GET", "/api/v1/me")["email"] as? String
    guard record.portal == session.address.description, record.email == email else {
      throw CommandError("that import was made at \(record.portal) by \(record.email)")
    }
    let (lines, isComplete) = try record.undo(session)
    for line in lines { Terminal.print(line) }
    guard isComplete else { throw ExitCode(Terminal.partlyStatus) }
    try ImportRecord.remove(name)
  }
}

/// What becomes of a key where another one is stored under its provider and label.
enum ConflictRule: String, ExpressibleByArgument, CaseIterable {
  case skip
  case replace
  case newLabel = "new-label"
}
