import Foundation
import LocalDeployment
import TestSupport

extension Command {
  /// A program of this package, built beside the tests.
  static func built(_ name: String, _ arguments: [String]) throws -> Command {
    Command(
      path: try RunningStack.builtProduct(name), arguments: arguments,
      environment: ProcessInfo.processInfo.environment)
  }

  /// A script of this directory.
  static func script(_ name: String, _ arguments: [String]) -> Command {
    let environment = ProcessInfo.processInfo.environment
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Python/\(name)").path
    return Command(
      path: environment[Python.environmentVariable] ?? "/usr/bin/python3",
      arguments: [path] + arguments, environment: environment)
  }

  /// The same in a process that has no capability and can't get any.
  func withoutCapabilities() -> Command {
    guard geteuid() == 0 else { return self }
    return Command(
      path: "/usr/bin/setpriv",
      arguments: [
        "--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all", "--no-new-privs",
        path,
      ] + arguments, environment: environment)
  }

  /// Runs the program to its end, whatever that is; a nil exit says that it had to be killed.
  func outcome(
    within timeout: Duration = .seconds(120)
  ) async throws -> (output: String, exit: ProcessExit?) {
    let (pieces, output) = AsyncStream.makeStream(of: [UInt8].self)
    let process = try await ChildProcess.spawn(self) { piece in
      if let piece { output.yield(piece) } else { output.finish() }
    }
    let exit = await process.exit(within: timeout)
    process.signal(SIGKILL)
    var printed: [UInt8] = []
    for await piece in pieces { printed += piece }
    return (String(decoding: printed, as: UTF8.self), exit)
  }
}
