import Cryptography
import Files
import Foundation

/// What a service sees of a deployment: copies of its own secrets, in a directory that is its
/// working directory.
///
/// The service reads it and can't change it; `run/` below is where it may write. The names are
/// relative to it, because directories above may be closed to the service's user, as a home is.
struct ServiceDirectory: Sendable {
  static let certificate = "tls.pem"
  static let privateKey = "tls.key"
  static let authority = "ca.pem"
  static let databaseURL = "database-url"
  static let masterKey = "master.key"
  static let accountKey = "account.key"
  static let assertionSigningKey = "assertion-signing.pem"
  static let assertionPublicKeys = "assertion-public.pem"
  static let logSigningKey = "log-signing.pem"
  static let run = "run"
  static let ready = "run/ready"
  static let mail = "run/mail"

  let service: ServiceName
  let state: StateDirectory
  let account: ServiceAccount

  var path: String { state.services + "/" + service.rawValue }
  var runPath: String { path + "/" + Self.run }

  /// Copies what the service needs, as it is now; the directory is made if it isn't there.
  func fill() throws {
    try SecretFile.ensureDirectory(path, mode: account.directoryMode, owner: account.reader)
    try SecretFile.ensureDirectory(runPath, mode: 0o700, owner: account.writer)
    if let schema = service.schema {
      try copy(state.databaseURLFile(of: schema), Self.databaseURL)
    }
    switch service {
    case .auth:
      try copy(state.accountKeyFile, Self.accountKey)
      try copy(state.assertionSigningKeyFile, Self.assertionSigningKey)
    case .vault:
      try copy(state.masterKeyFile, Self.masterKey)
      try copy(state.assertionPublicKeysFile, Self.assertionPublicKeys)
    case .audit:
      try copy(state.assertionPublicKeysFile, Self.assertionPublicKeys)
      try copy(state.logSigningKeyFile, Self.logSigningKey)
    case .gateway: break
    }
    try fillCertificates()
  }

  /// The key first: a service that looks in between finds a pair that doesn't match, keeps the old
  /// one and looks again.
  func fillCertificates() throws {
    let paths = state.certificatePaths(of: service.rawValue)
    try copy(paths.authority, Self.authority)
    try copy(paths.privateKey, Self.privateKey)
    try copy(paths.certificate, Self.certificate)
  }

  /// Copies the files that an operator's own settings name, and has the settings name the copies:
  /// the service's user may not reach the originals. One that isn't there is left to the service to
  /// complain about.
  func adopt(_ environment: inout [String: String]) throws {
    for (variable, path) in environment
    where variable.hasSuffix("_FILE") && path.hasPrefix("/") && access(path, F_OK) == 0 {
      try copy(path, variable)
      environment[variable] = variable
    }
  }

  private func copy(_ source: String, _ name: String) throws {
    do throws(FileError) {
      let file = try Files.SecretFile(reading: source, bytesMax: SecretFile.bytesMax)
      let target = path + "/" + name
      if try isCopied(file.contents, target) { return }
      let result = file.contents.withUnsafeBytes { bytes in
        Result { () throws(FileError) in
          try AtomicFile.write(bytes, to: target, mode: account.fileMode, owner: account.reader)
        }
      }
      try result.get()
    } catch {
      throw DeploymentError.file(path: error.path, reason: error.reason)
    }
  }

  /// Whether there is nothing to do, so that nobody has to read what is as it was.
  private func isCopied(_ contents: SecretBytes, _ target: String) throws(FileError) -> Bool {
    guard access(target, F_OK) == 0 else { return false }
    let present = try Files.SecretFile(reading: target, bytesMax: SecretFile.bytesMax)
    let isSame = present.contents.withUnsafeBytes { present in
      contents.withUnsafeBytes { ConstantTime.equals(present, $0) }
    }
    guard isSame else { return false }
    try AtomicFile.hand(target, to: account.reader, mode: account.fileMode)
    return true
  }
}
