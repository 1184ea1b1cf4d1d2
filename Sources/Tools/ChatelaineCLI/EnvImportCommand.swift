import ArgumentParser
import Cryptography
import DotEnv
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

      Exit status 1 when a line is malformed, in conflict with what is stored, or could not be \
      stored.
      """)

  @Argument(help: "The environment file.")
  var file: String

  @Option(help: "E-mail address of the user who gets the keys.")
  var user: String

  @Flag(help: "Say what would happen and store nothing.")
  var dryRun = false

  @OptionGroup var location: StateLocation

  func validate() throws {
    guard user.contains("@") else { throw ValidationError("--user must be an e-mail address") }
  }

  func run() async throws {
    // One byte more than allowed, so that the parser sees that there is too much.
    let contents = try SecretFile(reading: file, bytesMax: DotEnvFile.bytesMax + 1).contents
    let entries: [DotEnvEntry]
    do {
      entries = try DotEnvFile(parsing: contents).entries
    } catch {
      throw CommandError("\(file) \(error)")
    }
    let plan = ImportPlan(entries, catalogue: .standard)
    let operatorSession = try OperatorSession(location.state, command: "env import")
    let outcomes: [ImportOutcome]
    do {
      outcomes = try await VaultImport(session: operatorSession, email: user)
        .run(plan, validateOnly: dryRun)
    } catch {
      await operatorSession.close()
      throw error
    }
    await operatorSession.close()

    let report = ImportReport(plan: plan, outcomes: outcomes, isRehearsal: dryRun)
    for line in report.lines { Terminal.print(line) }
    Terminal.print(report.summary)
    if !report.isClean { throw ExitCode(Terminal.failureStatus) }
  }
}
