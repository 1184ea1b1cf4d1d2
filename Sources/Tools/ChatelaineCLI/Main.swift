import ArgumentParser
import CVersion
import Foundation
import ServiceRuntime

/// `chatelaine`: runs a deployment on one machine and operates it, and is what people use one with.
@main struct Chatelaine: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chatelaine",
    abstract: "Keeps the AI-provider API keys of many people.",
    discussion: """
      Exit status: 0 when everything was done, 1 when it failed, 2 when the command line was \
      wrong, 3 when a part was done and a part was not; of 'run', what the program ended with.
      """,
    version: Build.version,
    subcommands: [
      UpCommand.self, StatusCommand.self, DoctorCommand.self, InitCommand.self,
      MigrateCommand.self, CertificatesCommand.self, BackupCommand.self, RestoreCommand.self,
      LogInCommand.self, LogOutCommand.self, RunCommand.self, EnvCommand.self,
      KeysCommand.self, UsersCommand.self, AuditCommand.self, MailCommand.self,
      CompletionCommand.self,
    ])

  /// The names of the commands, for whoever mistyped one.
  static var commandNames: [String] {
    configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
  }

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      let arguments = Array(CommandLine.arguments.dropFirst())
      if let message = CommandSuggestion.message(for: arguments, in: commandNames) {
        Terminal.end(usage: message)
      }
      Terminal.end(with: error)
    }
  }
}
