import Foundation
import LocalDeployment

/// A server in a process of its own that says where it listens.
struct ListeningProcess: Sendable {
  private static let endTimeout: Duration = .seconds(20)

  let port: Int
  let id: Int32

  /// Starts the command, hands over where it listens, and ends it with SIGTERM.
  ///
  /// Returns what it has printed from its first to its last line, and how it ended; nil when it had
  /// to be killed.
  static func run(
    _ command: Command, _ body: (ListeningProcess) async throws -> Void
  ) async throws -> (printed: String, exit: ProcessExit?) {
    let (pieces, output) = AsyncStream.makeStream(of: [UInt8].self)
    let process = try await ChildProcess.spawn(command) { piece in
      if let piece { output.yield(piece) } else { output.finish() }
    }
    // The output ends with the process, and so does the wait for a line that never comes.
    var printed: [UInt8] = []
    var port: Int?
    for await piece in pieces {
      printed += piece
      port = portOfFirstLine(printed)
      if port != nil { break }
    }
    let outcome: Result<Void, any Error>
    do {
      guard let port else { throw SilentServer(printed: String(decoding: printed, as: UTF8.self)) }
      outcome = .success(try await body(ListeningProcess(port: port, id: process.id)))
    } catch {
      outcome = .failure(error)
    }
    process.signal(SIGTERM)
    let exit = await process.exit(within: endTimeout)
    process.signal(SIGKILL)
    for await piece in pieces { printed += piece }
    try outcome.get()
    return (String(decoding: printed, as: UTF8.self), exit)
  }

  /// Of a complete "listening on ADDRESS:PORT".
  private static func portOfFirstLine(_ printed: [UInt8]) -> Int? {
    String(decoding: printed, as: UTF8.self)
      .firstMatch(of: /listening on \S+:(\d+)\n/).flatMap { Int($0.1) }
  }
}

/// A server has ended without saying where it listens.
struct SilentServer: Error {
  let printed: String
}
