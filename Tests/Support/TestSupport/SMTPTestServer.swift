import Foundation
package import LocalDeployment

/// A real SMTP server (aiosmtpd) that tells what it was sent.
package final class SMTPTestServer: Sendable {
  /// What it asks for, and what it does about mails.
  package struct Options: Sendable, Encodable {
    package var certificate: String?
    package var key: String?
    /// TLS from the first byte; else STARTTLS is required when there is a certificate.
    package var implicit: Bool?
    package var user: String?
    package var password: String?
    /// This recipient is refused for good.
    package var refuse: String?
    /// So many mails are put off at first.
    package var `defer`: Int?

    package init() {}

    package init(_ paths: CertificatePaths) {
      certificate = paths.certificate
      key = paths.privateKey
    }
  }

  /// A mail that it has taken.
  package struct Received: Sendable, Decodable {
    package let helo: String
    package let sender: String
    package let recipients: [String]
    /// Head and body as they came.
    package let data: String
    package let secure: Bool
    package let user: String
  }

  private struct Event: Decodable {
    let port: Int?
    let deferred: [String]?
  }

  package let port: Int
  private let process: ChildProcess
  private let lines: AsyncStream<String>

  package init(_ options: Options = Options()) async throws {
    let (bytes, continuation) = AsyncStream.makeStream(of: [UInt8].self)
    let script = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Python/smtp_server.py").path
    let environment = ProcessInfo.processInfo.environment
    let argument = String(decoding: try JSONEncoder().encode(options), as: UTF8.self)
    process = try await ChildProcess.spawn(
      Command(
        path: environment[Python.environmentVariable] ?? "/usr/bin/python3",
        arguments: [script, argument], environment: environment)
    ) { chunk in
      guard let chunk else { return continuation.finish() }
      continuation.yield(chunk)
    }
    lines = Self.lines(of: bytes)
    var iterator = lines.makeAsyncIterator()
    let first = await iterator.next() ?? ""
    guard let event = try? JSONDecoder().decode(Event.self, from: Data(first.utf8)),
      let port = event.port
    else {
      process.signal(SIGKILL)
      throw DeploymentError.environment("the SMTP server didn't start: \(first)")
    }
    self.port = port
  }

  deinit { process.signal(SIGKILL) }

  /// The next mail that it takes; nil when it has ended.
  package func next() async throws -> Received? {
    var iterator = lines.makeAsyncIterator()
    while let line = await iterator.next() {
      if let mail = try? JSONDecoder().decode(Received.self, from: Data(line.utf8)) { return mail }
    }
    return nil
  }

  package func stop() async {
    process.signal(SIGKILL)
    _ = await process.exit()
  }

  private static func lines(of chunks: AsyncStream<[UInt8]>) -> AsyncStream<String> {
    let (lines, continuation) = AsyncStream.makeStream(of: String.self)
    // Unstructured: it ends with the process's output.
    Task {
      var rest: [UInt8] = []
      for await chunk in chunks {
        rest += chunk
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
          continuation.yield(String(decoding: rest[..<end], as: UTF8.self))
          rest.removeSubrange(...end)
        }
      }
      continuation.yield(String(decoding: rest, as: UTF8.self))
      continuation.finish()
    }
    return lines
  }
}
