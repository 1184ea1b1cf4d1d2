package import Cryptography
import Files
import Foundation

/// The files of the keys that sign assertions: `auth`'s private ones, the one that signs first, and
/// the public halves that `vault` and `audit` have.
///
/// Running services take changed files into use within seconds.
package struct SigningKeyFiles: Sendable {
  /// Of the private keys.
  package let path: String
  /// Copies of it, which are kept the same.
  private let copies: [String]
  private let publicPaths: [String]

  /// The files of a deployment that `chatelaine up` runs.
  package init(_ state: StateDirectory) {
    path = state.assertionSigningKeyFile
    copies = ["\(state.services)/auth/\(ServiceDirectory.assertionSigningKey)"]
    publicPaths =
      [state.assertionPublicKeysFile]
      + ["vault", "audit"].map { "\(state.services)/\($0)/\(ServiceDirectory.assertionPublicKeys)" }
  }

  /// The files that `chatelaine init` has made.
  package init(_ layout: SecretsLayout) {
    path = layout.assertionSigningKeyFile
    copies = []
    publicPaths = ["vault", "audit"].map { layout.assertionPublicKeysFile(of: $0) }
  }

  /// Every private key, the one that signs first.
  ///
  /// - Throws: `DeploymentError.file` for a file that is missing or holds something else.
  package func read() throws -> [Ed25519.SigningKey] {
    let text: SecretBytes
    do throws(FileError) {
      text = try Files.SecretFile(reading: path, bytesMax: SecretFile.bytesMax).contents
    } catch {
      throw DeploymentError.file(path: error.path, reason: error.reason)
    }
    do {
      return try Ed25519.SigningKey.all(inPEM: text)
    } catch {
      throw DeploymentError.file(path: path, reason: "\(error)")
    }
  }

  /// Has the services take assertions of these keys, whoever signs.
  package func publish(_ keys: [Ed25519.SigningKey]) throws {
    let text = Array(try Self.publicText(of: keys).utf8)
    for path in publicPaths where access(path, F_OK) == 0 {
      try text.withUnsafeBytes { try Self.replace(path, with: $0) }
    }
  }

  /// Replaces `auth`'s file: the first key signs from then on.
  package func write(_ keys: [Ed25519.SigningKey]) throws {
    let blocks = try keys.map { try $0.pemRepresentation }
    let text = SecretBytes(count: blocks.reduce(0) { $0 + $1.count }) { buffer in
      var offset = 0
      for block in blocks {
        block.withUnsafeBytes { bytes in
          buffer[offset..<offset + bytes.count].copyBytes(from: bytes)
          offset += bytes.count
        }
      }
    }
    for path in [path] + copies where access(path, F_OK) == 0 {
      try text.withUnsafeBytes { try Self.replace(path, with: $0) }
    }
  }

  static func publicText(of keys: [Ed25519.SigningKey]) throws -> String {
    try keys.map { try $0.verifyingKey.pemRepresentation }.joined()
  }

  /// Whole or not at all, and leaves it to whom it belonged.
  private static func replace(_ path: String, with text: UnsafeRawBufferPointer) throws {
    var status = stat()
    guard stat(path, &status) == 0 else { throw SecretFile.failure(path) }
    try SecretFile.write(
      text, to: path, mode: status.st_mode & 0o777,
      owner: AtomicFile.Owner(userID: status.st_uid, groupID: status.st_gid))
  }
}
