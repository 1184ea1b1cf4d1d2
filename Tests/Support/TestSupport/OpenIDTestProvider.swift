import Foundation
import LocalDeployment

/// A provider of log-in by OpenID Connect.
///
/// Unchecked: nothing of it changes after `init`.
package final class OpenIDTestProvider: @unchecked Sendable {
  package let issuer: String
  /// PEM of the authority that vouches for it.
  package let authorityFile: String
  private let process: ChildProcess
  private let certificates: TestCertificates

  private struct Started: Decodable { let port: Int }

  package enum Kind: String, Sendable {
    /// Says what a test wants it to.
    case liar = "liar_provider.py"
    /// Somebody else's code, which says what is right.
    case real = "real_provider.py"
  }

  package init(_ kind: Kind = .liar) async throws {
    certificates = try TestCertificates()
    let paths = try certificates.paths("gateway")
    authorityFile = paths.authority
    let output = Transcript()
    let script = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Python/\(kind.rawValue)").path
    let environment = ProcessInfo.processInfo.environment
    process = try await ChildProcess.spawn(
      Command(
        path: environment[Python.environmentVariable] ?? "/usr/bin/python3",
        arguments: [script, paths.certificate, paths.privateKey], environment: environment),
      onOutput: { bytes in output.append(bytes) })
    let limit = ContinuousClock.now.advanced(by: .seconds(30))
    while ContinuousClock.now < limit {
      // Warnings of what it is made of may come first.
      let started = output.text.split(separator: "\n").lazy.compactMap {
        try? JSONDecoder().decode(Started.self, from: Data($0.utf8))
      }.first
      if let started {
        issuer = "https://localhost:\(started.port)"
        return
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    process.signal(SIGKILL)
    throw DeploymentError.environment("the provider didn't start: \(output.text)")
  }

  deinit { process.signal(SIGKILL) }
}
