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
    subcommands: [EnvImportCommand.self])
}

/// `chatelaine env import`: stores the provider keys of an environment file for one user.
struct EnvImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Store the provider keys of an environment file for one user.",
    discussion: """
      Reads the file without running or expanding anything, and reports every line of it. A key \
      that is stored already under its provider and label is left as it is. Values are never \
      printed.

      The last line with a name counts. A key goes to the address that stands beside it, whichever \
      product's name that has (OPENAI_API_BASE_URL, ANTHROPIC_PROXY_URL, GOOGLE_URL, lists of Open \
      WebUI), under the label of its host; where the file leaves open which address is meant, it \
      is not stored. A second key of a provider gets the label of its variable. Placeholders and \
      references to where a key is kept (op://…, vault:…, $NAME) are not keys.

      Exit status 3 when some lines were imported or there already and others are malformed, in \
      conflict with what is stored, or could not be stored; 1 when none was.
      """)

  @Argument(help: "The environment file; - for standard input.")
  var file: String

  @Option(help: "E-mail address of the user who gets the keys.")
  var user: String

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

  func validate() throws {
    guard user.contains("@") else { throw ValidationError("--user must be an e-mail address") }
    if let label, !ImportPlan.isLabel(label) {
      throw ValidationError("--label must be 1 to 64 characters of a-z, 0-9, '.', '_' and '-'")
    }
  }

  func run() async throws {
    // One byte more than allowed, so that the parser sees that there is too much.
    let path = file == "-" ? "/dev/stdin" : file
    let contents = try SecretFile(reading: path, bytesMax: DotEnvFile.bytesMax + 1).contents
    let entries: [DotEnvEntry]
    do {
      entries = try DotEnvFile(parsing: contents).entries
    } catch {
      throw CommandError("\(file) \(error)")
    }
    var plan = ImportPlan(entries, catalogue: .standard)
    if let label { plan.relabel(to: label) }
    let operatorSession = try OperatorSession(location.state, command: "env import")
    let outcomes: [ImportOutcome]
    do {
      let run = VaultImport(session: operatorSession, email: user, onConflict: onConflict)
      outcomes = try await run.run(&plan, validateOnly: dryRun)
    } catch {
      await operatorSession.close()
      throw error
    }
    await operatorSession.close()

    let report = ImportReport(plan: plan, outcomes: outcomes, isRehearsal: dryRun)
    for line in json ? report.json : report.lines + [report.summary] { Terminal.print(line) }
    guard !report.isClean else { return }
    throw ExitCode(report.hasStored ? Terminal.partlyStatus : Terminal.failureStatus)
  }
}

/// What becomes of a key where another one is stored under its provider and label.
enum ConflictRule: String, ExpressibleByArgument, CaseIterable {
  case skip
  case replace
  case newLabel = "new-label"
}
