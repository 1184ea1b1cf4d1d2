import Foundation
import Synchronization

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
