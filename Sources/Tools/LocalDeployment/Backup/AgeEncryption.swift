import Foundation

/// Encryption by `age` (age-encryption.org/v1), which notices every changed or missing byte.
package struct AgeEncryption: Sendable {
  /// Who can decrypt.
  package enum Key: Sendable, Equatable {
    /// `age1…` or an SSH public key, each.
    case recipients([String])
    /// Files with one recipient a line.
    case recipientsFiles([String])
    /// Asked for by `age` itself on the terminal, and nowhere else: so not for a timer.
    case passphrase
  }

  private let program: String

  /// - Throws: `DeploymentError.missingProgram`.
  package init() throws {
    let found = PostgresTools.searchPath.first { access("\($0)/age", X_OK) == 0 }
    guard let found else {
      throw DeploymentError.missingProgram(name: "age", package: "age")
    }
    program = found + "/age"
  }

  func encryption(for key: Key) -> Command {
    let arguments =
      switch key {
      case .recipients(let recipients): recipients.flatMap { ["--recipient", $0] }
      case .recipientsFiles(let paths): paths.flatMap { ["--recipients-file", $0] }
      case .passphrase: ["--passphrase"]
      }
    return command(["--encrypt"] + arguments)
  }

  /// - Parameter identities: files with private keys; without one, a backup with a passphrase.
  func decryption(identities: [String]) -> Command {
    command(["--decrypt"] + identities.flatMap { ["--identity", $0] })
  }

  private func command(_ arguments: [String]) -> Command {
    // In our process group, for one outside of the terminal's foreground may not ask there.
    Command(
      path: program, arguments: arguments,
      environment: ["PATH": "/usr/bin:/bin", "HOME": "/", "LC_ALL": "C.UTF-8"],
      inNewProcessGroup: false)
  }
}

/// A program in a pipeline, whose complaints are kept.
struct PipelineProgram: Sendable {
  let process: ChildProcess
  private let complaints: ProgramOutput

  init(_ command: Command, input: Descriptor?, output: Descriptor?) async throws {
    let complaints = ProgramOutput(bytesMax: command.outputBytesMax)
    self.complaints = complaints
    process = try await ChildProcess.spawn(
      command, streams: ChildProcess.Streams(input: input, output: output),
      onOutput: { complaints.append($0) })
  }

  /// What it has printed apart from what went into the pipeline.
  func printed() async -> String { await complaints.text() }

  /// Waits for its end; nil when it did well, else why not.
  func failure() async -> String? {
    guard let exit = await process.exit() else { return "cancelled" }
    let text = await printed()
    guard !exit.isSuccess else { return nil }
    return text.isEmpty ? exit.description : text
  }

  /// Returns once the text has been printed; false when the output ended without it.
  func hasPrinted(_ text: String) async -> Bool { await complaints.contains(text) }

  func kill() { process.signal(SIGKILL) }
}
