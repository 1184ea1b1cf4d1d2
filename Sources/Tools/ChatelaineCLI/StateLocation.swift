import ArgumentParser
import LocalDeployment

/// The option that all commands share.
struct StateLocation: ParsableArguments {
  @Option(help: "Directory of the deployment's state.")
  var stateDir = StateDirectory.pathDefault

  func validate() throws {
    guard !stateDir.isEmpty else { throw ValidationError("--state-dir must not be empty") }
  }

  var state: StateDirectory { StateDirectory(stateDir) }
}
