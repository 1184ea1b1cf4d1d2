import Encodings
import Files
import Foundation

/// What one import has stored, kept on this machine so that it can be undone. It holds no key.
struct ImportRecord: Codable {
  private static let bytesMax = 16 << 20
  private static let nameBytesMax = 64

  let portal: String
  let email: String
  let keys: [ImportedKey]

  /// `chatelaine/imports` in the XDG directory for state.
  static func directory(
    _ environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(CommandError) -> String {
    try PersonDirectory.state.path(environment) + "/imports"
  }

  /// - Returns: the name by which it is undone.
  func write() throws -> String {
    let directory = try Self.directory()
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    let time = Date().formatted(
      .iso8601.dateSeparator(.omitted).timeSeparator(.omitted).timeZone(separator: .omitted))
    let name = "\(time.lowercased())-\(UUID().uuidString.prefix(4).lowercased())"
    try AtomicFile.write(
      Array(try JSONEncoder().encode(self)), to: "\(directory)/\(name).json")
    return name
  }

  static func read(_ name: String) throws -> ImportRecord {
    guard (1...nameBytesMax).contains(name.utf8.count),
      name.utf8.allSatisfy({
        $0.isASCIIUpper || $0.isASCIILower || $0.isASCIIDigit || $0 == UInt8(ascii: "-")
      })
    else { throw CommandError("'\(name)' is no name of an import, as 'env import' prints it") }
    let path = "\(try directory())/\(name).json"
    guard let bytes = try SmallFile.read(path, bytesMax: bytesMax),
      let record = try? JSONDecoder().decode(ImportRecord.self, from: Data(bytes))
    else { throw CommandError("no import '\(name)' was made on this machine, or it is undone") }
    return record
  }

  static func remove(_ name: String) throws {
    let path = "\(try directory())/\(name).json"
    guard unlink(path) == 0 || errno == ENOENT else { throw FileError(path: path) }
  }

  // MARK: Undoing

  /// Takes back what was stored: a new key is deleted, one that replaced another gives way to it
  /// again. What was changed since is left as it is.
  ///
  /// - Returns: a line for each key, and whether all are taken back.
  func undo(_ session: PersonSession) throws -> (lines: [String], isComplete: Bool) {
    var (lines, isComplete) = ([String](), true)
    for key in keys.reversed() {
      do {
        try undo(key, session)
        lines.append("\(key.name)  \(key.hasReplaced ? "has its former key again" : "deleted")")
      } catch let problem as PortalProblem where [404, 409, 412].contains(problem.status) {
        let reason =
          switch problem.status {
          case 404: "not there any more"
          case 412: "changed since: left as it is"
          default: "\(problem)"
          }
        isComplete = isComplete && problem.status == 404
        lines.append("\(key.name)  \(reason)")
      }
    }
    return (lines, isComplete)
  }

  private func undo(_ key: ImportedKey, _ session: PersonSession) throws {
    let path = "/api/v1/provider-configs/\(key.id)"
    let condition = ["If-Match: \"\(key.etag)\""]
    guard key.hasReplaced else {
      _ = try session.call("DELETE", path, headers: condition)
      return
    }
    // Newest first: while the etag is the import's, that is the key which it replaced.
    let versions = try session.call("GET", "\(path)/versions")["versions"] as? [[String: Any]]
    guard let former = versions?.first?["id"] as? String else {
      throw CommandError("\(key.name): the key that it replaced is not kept any more")
    }
    _ = try session.call("POST", "\(path)/versions/\(former):restore", [:], headers: condition)
  }
}
