import Foundation
import Synchronization

/// A program with everything it starts with; nothing is taken from the parent's environment.
package struct Command: Sendable {
  /// Absolute path of the program.
  package var path: String
  /// Arguments without `argv[0]`. Visible to every user of the machine: never a secret.
  package var arguments: [String]
  package var environment: [String: String]
  package var workingDirectory: String?
  /// The signal the kernel sends to the child when this process dies, however it dies.
  package var parentDeathSignal: Int32
  /// Keeps the terminal's Ctrl-C away from the child.
  package var inNewProcessGroup: Bool
  /// The end of the output that `run` keeps; earlier bytes are dropped.
  package var outputBytesMax: Int
  /// Whose rights it has; nil: ours. The working directory is entered with ours.
  var account: ServiceAccount?
  /// What it may do with files; nil: what its user may.
  package var fileRules: FileRules?

  package init(
    path: String, arguments: [String] = [], environment: [String: String] = [:],
    workingDirectory: String? = nil, parentDeathSignal: Int32 = 9, inNewProcessGroup: Bool = true,
    outputBytesMax: Int = 65_536
  ) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
    self.workingDirectory = workingDirectory
    self.parentDeathSignal = parentDeathSignal
    self.inNewProcessGroup = inNewProcessGroup
    self.outputBytesMax = outputBytesMax
  }

  /// The last path component, for messages.
  package var name: String {
    String(path.split(separator: "/").last ?? "")
  }
}

extension Command {
  /// Runs the program to its end and returns what it printed.
  ///
  /// - Throws: `DeploymentError.programFailed` unless it exits with status 0 within `timeout`;
  ///   past it, or when the task is cancelled, the program is killed.
  @discardableResult
  package func run(input: [UInt8] = [], timeout: Duration = .seconds(60)) async throws -> String {
    let kept = outputBytesMax
    let collected = Mutex<[UInt8]>([])
    let (closed, closing) = AsyncStream<Void>.makeStream()
    let child = try await ChildProcess.spawn(self, input: input) { chunk in
      guard let chunk else { return closing.finish() }
      collected.withLock { output in
        output += chunk
        output.removeFirst(max(0, output.count - kept))
      }
    }
    guard let exit = await child.exit(within: timeout) else {
      child.signal(SIGKILL)
      throw DeploymentError.programFailed(
        name: name, exit: "no end within \(timeout)", output: "")
    }
    for await _ in closed {}
    let output = collected.withLock { String(decoding: $0, as: UTF8.self) }
    guard exit.isSuccess else {
      throw DeploymentError.programFailed(
        name: name, exit: exit.description,
        output: output.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    return output
  }
}

/// How a process ended.
package enum ProcessExit: Sendable, Equatable, CustomStringConvertible {
  case code(Int32)
  case signal(Int32)

  package var isSuccess: Bool { self == .code(0) }

  package var description: String {
    switch self {
    case .code(let code): "exit status \(code)"
    case .signal(let number): "signal \(number)"
    }
  }
}
