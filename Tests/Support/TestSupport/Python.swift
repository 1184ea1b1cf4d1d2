import Foundation
package import LocalDeployment

/// The Python interpreter whose packages are the clients and vectors that we did not write.
package enum Python {
  /// How long a script may run.
  package static let timeout: Duration = .seconds(240)

  /// Set by `make test` to the virtual environment of Tests/requirements.txt.
  package static let environmentVariable = "CHATELAINE_TEST_PYTHON"

  /// Runs a script and returns how it ended with all that it printed.
  package static func run(
    _ script: String, _ arguments: [String], timeout: Duration = Python.timeout
  ) async throws -> (exit: ProcessExit?, output: String) {
    let environment = ProcessInfo.processInfo.environment
    let python = environment[environmentVariable] ?? "/usr/bin/python3"
    let output = Transcript()
    let process = try await ChildProcess.spawn(
      Command(path: python, arguments: [script] + arguments, environment: environment),
      onOutput: { bytes in output.append(bytes) })
    let exit = await process.exit(within: timeout)
    if exit == nil { process.signal(SIGKILL) }
    await output.end(within: .seconds(10))
    return (exit, output.text)
  }
}
