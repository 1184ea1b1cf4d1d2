import Files
import Foundation

/// Files of the state directory, whose failures are the deployment's.
enum SecretFile {
  /// Nothing in the state directory that is read whole is larger.
  static let bytesMax = 1 << 20

  static func write(
    _ bytes: UnsafeRawBufferPointer, to path: String, mode: mode_t = AtomicFile.modeForOwner,
    owner: AtomicFile.Owner? = nil
  ) throws(DeploymentError) {
    try translated { () throws(FileError) in
      try AtomicFile.write(bytes, to: path, mode: mode, owner: owner)
    }
  }

  static func write(
    _ bytes: [UInt8], to path: String, mode: mode_t = AtomicFile.modeForOwner,
    owner: AtomicFile.Owner? = nil
  ) throws(DeploymentError) {
    try translated { () throws(FileError) in
      try AtomicFile.write(bytes, to: path, mode: mode, owner: owner)
    }
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

  /// Has a file hold `bytes`, with this mode and owner; says whether anything had to change.
  @discardableResult
  static func ensure(
    _ bytes: [UInt8], at path: String, mode: mode_t, owner: AtomicFile.Owner
  ) throws(DeploymentError) -> Bool {
    if try read(path) == bytes {
      return try hand(path, to: owner, mode: mode)
    }
    try write(bytes, to: path, mode: mode, owner: owner)
    return true
  }

  /// Gives a file or directory to somebody; says whether it was otherwise before.
  @discardableResult
  static func hand(
    _ path: String, to owner: AtomicFile.Owner, mode: mode_t
  ) throws(DeploymentError) -> Bool {
    try translated { () throws(FileError) in
      try AtomicFile.hand(path, to: owner, mode: mode)
    }
  }

  /// Has a directory be there with this mode and owner; says whether anything had to change.
  @discardableResult
  static func ensureDirectory(
    _ path: String, mode: mode_t, owner: AtomicFile.Owner
  ) throws(DeploymentError) -> Bool {
    let isNew = access(path, F_OK) != 0
    if isNew { try makeDirectory(path, mode: mode) }
    let isMended = try hand(path, to: owner, mode: mode)
    return isNew || isMended
  }

  /// Has the name of a file reach the disk.
  static func synchronize(directoryOf path: String) throws(DeploymentError) {
    try translated { () throws(FileError) in try AtomicFile.synchronize(directoryOf: path) }
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
