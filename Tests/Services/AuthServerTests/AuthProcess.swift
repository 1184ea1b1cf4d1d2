import Foundation
import LocalDeployment
import Synchronization
import TestSupport

/// A running `auth` and what it has printed.
final class AuthProcess: Sendable {
  let process: ChildProcess
  private let printed: Mutex<String>
  private let chunks: AsyncStream<String>

  /// Starts the program with nothing but `environment`.
  init(_ environment: [String: String], arguments: [String] = []) async throws {
    let (stream, continuation) = AsyncStream.makeStream(of: String.self)
    process = try await ChildProcess.spawn(
      Command(
        path: try RunningStack.builtProduct("auth"), arguments: arguments,
        environment: environment)
    ) { bytes in
      guard let bytes else { return continuation.finish() }
      continuation.yield(String(decoding: bytes, as: UTF8.self))
    }
    chunks = stream
    printed = Mutex("")
  }

  deinit { process.signal(SIGKILL) }

  var output: String { printed.withLock { $0 } }

  /// Reads until the service says where it listens; nil when it ends before.
  func address() async -> (host: String, port: Int)? {
    for await chunk in chunks {
      printed.withLock { $0 += chunk }
      if let match = output.firstMatch(of: /"address":"([^"]+):(\d+)"/), let port = Int(match.2) {
        return (String(match.1), port)
      }
    }
    return nil
  }

  /// Reads to the end and returns how the process ended.
  func exit() async -> ProcessExit? {
    for await chunk in chunks { printed.withLock { $0 += chunk } }
    return await process.exit()
  }
}
