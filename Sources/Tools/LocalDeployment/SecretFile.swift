import Files
import Foundation

/// Files of the state directory, whose failures are the deployment's.
enum SecretFile {
  /// Nothing in the state directory that is read whole is larger.
  static let bytesMax = 1 << 20

  static func write(
    _ bytes: UnsafeRawBufferPointer, to path: String, mode: mode_t = AtomicFile.modeForOwner
  ) throws(DeploymentError) {
    try translated { () throws(FileError) in try AtomicFile.write(bytes, to: path, mode: mode) }
  }

  static func write(
    _ bytes: [UInt8], to path: String, mode: mode_t = AtomicFile.modeForOwner
  ) throws(DeploymentError) {
    try translated { () throws(FileError) in try AtomicFile.write(bytes, to: path, mode: mode) }
  }

  static func write(
    _ text: String, to path: String, mode: mode_t = AtomicFile.modeForOwner
  ) throws(DeploymentError) {
    try write([UInt8](text.utf8), to: path, mode: mode)
  }

  /// The whole file; nil when there is none.
  static func read(_ path: String) throws(DeploymentError) -> [UInt8]? {
    try translated { () throws(FileError) in try SmallFile.read(path, bytesMax: bytesMax) }
  }

  /// The text of a file without its last newline; nil when there is none.
  static func readLine(_ path: String) throws(DeploymentError) -> String? {
    try read(path).map { bytes in
      String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
    }
  }

  /// Creates a directory, or checks an existing one, and sets its mode.
  static func makeDirectory(_ path: String, mode: mode_t = 0o700) throws(DeploymentError) {
    try translated { () throws(FileError) in try AtomicFile.makeDirectory(path, mode: mode) }
  }

  /// What the system says of the call that has just failed.
  static func failure(_ path: String) -> DeploymentError {
    DeploymentError(FileError(path: path))
  }

  private static func translated<Value>(
    _ body: () throws(FileError) -> Value
  ) throws(DeploymentError) -> Value {
    do throws(FileError) {
      return try body()
    } catch {
      throw DeploymentError(error)
    }
  }
}

extension DeploymentError {
  fileprivate init(_ error: FileError) {
    self = .file(path: error.path, reason: error.reason)
  }
}
