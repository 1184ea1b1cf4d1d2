import Cryptography

/// The secrets that a deployment makes once and keeps: lose `master.key` and every stored key is
/// lost with it.
struct KeyMaterial {
  let state: StateDirectory

  /// Makes what is missing. A master key that is missing beside an existing cluster is an error,
  /// not a reason to make another: what the old one sealed would never open again.
  func ensure(isFirstStart: Bool) throws {
    if try SecretFile.read(state.masterKeyFile) == nil {
      guard isFirstStart else {
        throw DeploymentError.file(
          path: state.masterKeyFile,
          reason: "is missing, and the database beside it holds keys that only it can open; "
            + "restore the file")
      }
      try write(MasterKey.generate().encodedForFile, to: state.masterKeyFile)
    }
    try ensureAssertionKey()
    _ = try Self.ensureSigningKey(at: state.logSigningKeyFile) {
      try write($0, to: state.logSigningKeyFile)
    }
  }

  /// Makes an Ed25519 key where there is no file, and refuses one that holds something else;
  /// whether it made one.
  static func ensureSigningKey(
    at path: String, write: (SecretBytes) throws -> Void
  ) throws -> Bool {
    guard let pem = try SecretFile.read(path) else {
      try write(Ed25519.SigningKey.generate().pemRepresentation)
      return true
    }
    guard (try? Ed25519.SigningKey(pem: SecretBytes(copying: pem))) != nil else {
      throw DeploymentError.file(path: path, reason: "is not an Ed25519 private key in PEM")
    }
    return false
  }

  private func ensureAssertionKey() throws {
    let key: Ed25519.SigningKey
    if let pem = try SecretFile.read(state.assertionSigningKeyFile) {
      do {
        key = try Ed25519.SigningKey(pem: SecretBytes(copying: pem))
      } catch {
        throw DeploymentError.file(
          path: state.assertionSigningKeyFile, reason: "is not an Ed25519 private key in PEM")
      }
    } else {
      key = try Ed25519.SigningKey.generate()
      try write(key.pemRepresentation, to: state.assertionSigningKeyFile)
    }
    try SecretFile.write(
      key.verifyingKey.pemRepresentation, to: state.assertionPublicKeysFile, mode: 0o644)
  }

  private func write(_ secret: SecretBytes, to path: String) throws {
    try secret.withUnsafeBytes { try SecretFile.write($0, to: path) }
  }
}
