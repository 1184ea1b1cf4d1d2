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
    let account = try AccountKeyText.missing(
      state.accountKeyFile, beside: state.assertionSigningKeyFile)
    if let account { try write(account, to: state.accountKeyFile) }
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

  /// The public halves of all keys are written anew, so that a replacement that was cut off leaves
  /// nothing behind.
  private func ensureAssertionKey() throws {
    let file = SigningKeyFiles(state)
    if try SecretFile.read(state.assertionSigningKeyFile) == nil {
      try write(try Ed25519.SigningKey.generate().pemRepresentation, to: file.path)
    }
    try SecretFile.write(
      try SigningKeyFiles.publicText(of: try file.read()), to: state.assertionPublicKeysFile,
      mode: 0o644)
  }

  private func write(_ secret: SecretBytes, to path: String) throws {
    try secret.withUnsafeBytes { try SecretFile.write($0, to: path) }
  }
}

/// The key of `auth` that second factors, the cookies of devices, sessions and tokens depend on.
enum AccountKeyText {
  /// What to write where there is none; nil where there is one.
  ///
  /// Where a signing key lies already, the deployment is from before there was an account key: then
  /// they followed from the signing key, and go on to.
  static func missing(_ path: String, beside signingKey: String) throws -> SecretBytes? {
    guard try SecretFile.read(path) == nil else { return nil }
    if let former = try SecretFile.read(signingKey) { return SecretBytes(copying: former) }
    // Of the same kind: 32 random bytes as base64.
    return try MasterKey.generate().encodedForFile
  }
}
