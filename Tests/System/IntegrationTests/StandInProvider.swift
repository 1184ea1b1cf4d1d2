import Foundation
import LocalDeployment
import TestSupport

/// The process of Python/clients/stand_in.py, which speaks the protocols of all providers.
///
/// The kernel ends it with the test process.
struct StandInProvider: Sendable {
  /// One client's own part of it, by port on loopback.
  struct Room: Decodable {
    /// Where the provider answers.
    let provider: Int
    /// The same by TLS, with HTTP/2 for whoever wants it.
    let secure: Int
    /// Another host, to which redirects lead; the gateway has no leave to go there.
    let elsewhere: Int
    /// Nobody listens there, and nobody else gets it.
    let closed: Int
  }

  /// What the script prints first.
  private struct Ports: Decodable {
    let admin: Int
    let rooms: [String: Room]
  }

  private let process: ChildProcess
  let admin: Int
  let rooms: [String: Room]

  /// What the gateway must have leave to reach, each as `host:port`.
  var authorities: [String] {
    rooms.values.flatMap { [$0.provider, $0.secure, $0.closed] }.map { "127.0.0.1:\($0)" }
  }

  /// Starts it with a room for each name, at ports that the kernel chooses.
  static func start(
    rooms: [String], certificate: CertificatePaths
  ) async throws -> StandInProvider {
    let environment = ProcessInfo.processInfo.environment
    let (pieces, output) = AsyncStream.makeStream(of: [UInt8].self)
    let process = try await ChildProcess.spawn(
      Command(
        path: environment[Python.environmentVariable] ?? "/usr/bin/python3",
        arguments: [
          pythonScript("clients/stand_in"), certificate.certificate, certificate.privateKey,
        ] + rooms, environment: environment)
    ) { piece in
      if let piece { output.yield(piece) } else { output.finish() }
    }
    // The output ends with the process, and so does the wait for a line that never comes.
    var printed: [UInt8] = []
    for await piece in pieces {
      printed += piece
      if printed.last == UInt8(ascii: "\n"),
        let ports = try? JSONDecoder().decode(Ports.self, from: Data(printed))
      {
        return StandInProvider(process: process, admin: ports.admin, rooms: ports.rooms)
      }
    }
    throw PortalError.unexpected(String(decoding: printed, as: UTF8.self))
  }
}
