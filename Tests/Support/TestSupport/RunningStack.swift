import Foundation
package import LocalDeployment
import Synchronization

/// A whole Chatelaine in a temporary state directory: `chatelaine up` with its four services and a
/// PostgreSQL cluster, as an operator would start it.
package final class RunningStack: Sendable {
  /// How long a first start may take on a busy two-core machine.
  package static let startTimeout: Duration = .seconds(120)
  /// How long draining may take before the supervisor is killed.
  package static let stopTimeout: Duration = .seconds(60)

  package let stateDirectory: String
  /// E.g. `http://127.0.0.1:41233`.
  package let address: String
  private let supervisor: ChildProcess
  private let output: Transcript

  private init(
    stateDirectory: String, address: String, supervisor: ChildProcess, output: Transcript
  ) {
    self.stateDirectory = stateDirectory
    self.address = address
    self.supervisor = supervisor
    self.output = output
  }

  /// Everything the supervisor has printed so far.
  package var printed: String { output.text }
  /// The process id of the supervisor.
  package var processID: Int32 { supervisor.id }

  /// Starts a stack and waits until it says that it is ready.
  ///
  /// - Parameters:
  ///   - stateDirectory: nil makes a temporary one, which `stopAndRemove` removes.
  ///   - environment: added to the supervisor's environment, e.g. the endpoint allow-list.
  package static func start(
    stateDirectory: String? = nil, environment: [String: String] = [:]
  ) async throws -> RunningStack {
    let directory = try stateDirectory ?? makeTemporaryDirectory()
    let output = Transcript()
    var inherited = ProcessInfo.processInfo.environment
    inherited.merge(environment) { _, new in new }
    let supervisor = try await ChildProcess.spawn(
      Command(
        path: try builtProduct("chatelaine"),
        arguments: ["up", "--state-dir", directory, "--port", "0"],
        environment: inherited, parentDeathSignal: SIGTERM),
      onOutput: { bytes in output.append(bytes) })
    guard let address = await output.address(within: startTimeout) else {
      supervisor.signal(SIGKILL)
      throw StackError.didNotStart(output: output.text)
    }
    return RunningStack(
      stateDirectory: directory, address: address, supervisor: supervisor, output: output)
  }

  /// Sends what Ctrl-C sends and waits until everything has stopped.
  ///
  /// - Returns: how the supervisor ended; nil when it had to be killed.
  @discardableResult
  package func stop() async -> ProcessExit? {
    supervisor.signal(SIGINT)
    if let exit = await supervisor.exit(within: Self.stopTimeout) { return exit }
    supervisor.signal(SIGKILL)
    _ = await supervisor.exit()
    return nil
  }

  package func stopAndRemove() async {
    await stop()
    try? FileManager.default.removeItem(atPath: stateDirectory)
  }

  /// Runs the command-line program to its end.
  package static func runCommand(
    _ arguments: [String], environment: [String: String] = [:], timeout: Duration = .seconds(60)
  ) async throws -> (exit: ProcessExit?, output: String) {
    let output = Transcript()
    var inherited = ProcessInfo.processInfo.environment
    inherited.merge(environment) { _, new in new }
    let process = try await ChildProcess.spawn(
      Command(
        path: try builtProduct("chatelaine"), arguments: arguments, environment: inherited),
      onOutput: { bytes in output.append(bytes) })
    let exit = await process.exit(within: timeout)
    if exit == nil { process.signal(SIGKILL) }
    await output.end(within: .seconds(10))
    return (exit, output.text)
  }

  /// The path of a product built beside the test bundle.
  package static func builtProduct(_ name: String) throws -> String {
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let path = URL(fileURLWithPath: bundle).deletingLastPathComponent()
      .appendingPathComponent(name).path
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw StackError.notBuilt(path)
    }
    return path
  }

  private static func makeTemporaryDirectory() throws -> String {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("chatelaine-test-\(UUID().uuidString.prefix(8))").path
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return path
  }
}

/// Why a stack could not be had.
package enum StackError: Error {
  case notBuilt(String)
  case didNotStart(output: String)
}
