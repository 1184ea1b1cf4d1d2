import ArgumentParser

/// `chatelaine env`: environment files.
struct EnvCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "env", abstract: "Move keys between environment files and the vault.",
    subcommands: [EnvImportCommand.self])
}
