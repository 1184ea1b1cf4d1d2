package import Cryptography
import Files
import Foundation

/// The file of a deployment's master keys: the current one on the first line, on further lines
/// those that only open.
///
/// Running vaults take a changed file into use within seconds.
package struct KeyringFile: Sendable {
  package let path: String
  /// What the vault of a local deployment reads: a copy, which is kept the same.
  private let copyPath: String?

  /// The file of a deployment that `chatelaine up` runs.
  package init(_ state: StateDirectory) {
    path = state.masterKeyFile
    copyPath = "\(state.services)/vault/\(ServiceDirectory.masterKey)"
  }

  /// The file that `chatelaine init` has made.
  package init(_ layout: SecretsLayout) {
    path = layout.masterKeyFile
    copyPath = nil
  }

  /// Every key, the current one first.
  ///
  /// - Throws: `DeploymentError.file` for a file that is missing or holds something else.
  package func read() throws -> [MasterKey] {
    let text: SecretBytes
    do throws(FileError) {
      text = try Files.SecretFile(reading: path, bytesMax: SecretFile.bytesMax).contents
    } catch {
      throw DeploymentError.file(path: error.path, reason: error.reason)
    }
    let lines = text.withUnsafeBytes { bytes in
      bytes.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") })
        .map { SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0)) }
    }
    guard !lines.isEmpty else { throw DeploymentError.file(path: path, reason: "holds no key") }
    do {
      return try lines.map { try MasterKey(parsing: $0) }
    } catch {
      throw DeploymentError.file(path: path, reason: "\(error)")
    }
  }

  /// Replaces the file, whole or not at all, and leaves it to whom it belonged.
  package func write(_ keys: [MasterKey]) throws {
    try Self.write(keys, to: path)
    if let copyPath, access(copyPath, F_OK) == 0 { try Self.write(keys, to: copyPath) }
  }

  private static func write(_ keys: [MasterKey], to path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0 else { throw SecretFile.failure(path) }
    let text = keys.map(\.encodedForFile)
    let count = text.reduce(0) { $0 + $1.count }
    let joined = SecretBytes(count: count) { buffer in
      var offset = 0
      for line in text {
        line.withUnsafeBytes { bytes in
          buffer[offset..<offset + bytes.count].copyBytes(from: bytes)
          offset += bytes.count
        }
      }
    }
    try joined.withUnsafeBytes {
      try SecretFile.write(
        $0, to: path, mode: status.st_mode & 0o777,
        owner: AtomicFile.Owner(userID: status.st_uid, groupID: status.st_gid))
    }
  }
}

extension KeyringFile {
  /// Puts keys into a new file that only its owner may read.
  ///
  /// - Throws: `DeploymentError.file` when there is something at `path`.
  package static func create(_ path: String, holding keys: [MasterKey]) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SecretFile.failure(path) }
    close(descriptor)
    try write(keys, to: path)
  }
}
