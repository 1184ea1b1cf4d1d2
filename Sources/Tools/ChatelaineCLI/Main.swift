import ArgumentParser
import CVersion
import Foundation

/// `chatelaine`: runs a deployment on one machine and operates it.
@main struct Chatelaine: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chatelaine",
    abstract: "Keeps the AI-provider API keys of many people.",
    discussion: """
      Exit status: 0 when everything was done, 1 when something failed or was malformed, 2 when \
      the command line was wrong, 3 when only a part could be done.
      """,
    version: String(cString: cversion_text()),
    subcommands: [
      UpCommand.self, InitCommand.self, MigrateCommand.self, CertificatesCommand.self,
      BackupCommand.self, RestoreCommand.self, EnvCommand.self, KeysCommand.self,
      UsersCommand.self, MailCommand.self,
    ])

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      Terminal.end(with: error)
    }
  }
}
