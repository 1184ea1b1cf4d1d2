import Foundation

/// Where the services of a running deployment listen: `run/endpoints.json`, for the other commands.
package struct Endpoints: Codable, Sendable, Equatable {
  package struct Service: Codable, Sendable, Equatable {
    /// `host:port`.
    package var address: String
    package var processID: Int32
  }

  /// The process id of `chatelaine up`.
  package var supervisorProcessID: Int32
  package var services: [String: Service]

  /// - Throws: `DeploymentError.file` for a file that cannot be read; nil when nothing runs.
  package static func read(from state: StateDirectory) throws -> Endpoints? {
    guard let bytes = try SecretFile.read(state.endpointsFile) else { return nil }
    do {
      return try JSONDecoder().decode(Endpoints.self, from: Data(bytes))
    } catch {
      throw DeploymentError.file(path: state.endpointsFile, reason: "is malformed")
    }
  }

  func write(to state: StateDirectory) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    try SecretFile.write([UInt8](encoder.encode(self)) + [0x0a], to: state.endpointsFile)
  }

  static func remove(from state: StateDirectory) { unlink(state.endpointsFile) }
}
