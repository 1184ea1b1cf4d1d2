import Cryptography
import Files
import Foundation

/// A person's own credential on this machine, as `chatelaine login` leaves it.
struct StoredLogin {
  private struct Document: Codable {
    let portal: String
    let email: String
    let token: String
    let caFile: String?
  }

  private static let bytesMax = 16 << 10

  let portal: PortalAddress
  let email: String
  let token: SecretBytes
  let caFile: String?

  /// `chatelaine/login.json` in the XDG directory for configuration.
  static func path(
    _ environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(CommandError) -> String {
    try PersonDirectory.configuration.path(environment) + "/login.json"
  }

  /// What is stored; nil when nobody is logged in.
  ///
  /// - Throws: `CommandError` for a file that others may read or have written.
  static func read() throws -> StoredLogin? {
    let path = try path()
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw FileError(path: path)
    }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
      status.st_mode & 0o077 == 0
    else {
      throw CommandError("\(path) must be yours alone: chmod 600 \(path), or remove it")
    }
    let contents = try SecretFile(reading: path, bytesMax: bytesMax).contents
    guard
      let document = contents.withUnsafeBytes({
        try? JSONDecoder().decode(Document.self, from: Data($0))
      })
    else { throw CommandError("\(path) is not what 'chatelaine login' writes: log in again") }
    return StoredLogin(
      portal: try PortalAddress(document.portal), email: document.email,
      token: SecretBytes(utf8: document.token), caFile: document.caFile)
  }

  func write() throws {
    let path = try Self.path()
    try FileManager.default.createDirectory(
      atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path,
      withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let document = token.withUTF8String {
      Document(portal: portal.description, email: email, token: $0, caFile: caFile)
    }
    try AtomicFile.write(Array(try JSONEncoder().encode(document)), to: path)
  }

  static func remove() throws {
    let path = try path()
    guard unlink(path) == 0 || errno == ENOENT else { throw FileError(path: path) }
  }
}

/// Where a person's programs keep what is theirs (XDG Base Directory Specification).
enum PersonDirectory {
  case configuration, state

  /// Ours in there.
  ///
  /// - Throws: `CommandError` where the environment names no place.
  func path(_ environment: [String: String]) throws(CommandError) -> String {
    let (variable, usual) =
      switch self {
      case .configuration: ("XDG_CONFIG_HOME", ".config")
      case .state: ("XDG_STATE_HOME", ".local/state")
      }
    // A relative path is invalid.
    if let directory = environment[variable], directory.hasPrefix("/") {
      return "\(directory)/chatelaine"
    }
    guard let home = environment["HOME"], home.hasPrefix("/") else {
      throw CommandError("neither HOME nor \(variable) names a directory to keep files in")
    }
    return "\(home)/\(usual)/chatelaine"
  }
}
