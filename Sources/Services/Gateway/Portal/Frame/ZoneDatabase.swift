import Edge
import FoundationEssentials
import Synchronization

/// The time zones that the system knows, read when they are first asked for.
final class ZoneDatabase: Sendable {
  static let system = ZoneDatabase(directory: "/usr/share/zoneinfo")

  private static let fileBytesMax = 64 << 10

  private let directory: String
  /// IANA names in order, `UTC` first; that alone where the system has no database.
  let names: [String]
  private let read = Mutex<[String: TimeZoneRules]>([:])

  init(directory: String) {
    self.directory = directory
    let table = Self.bytes(of: "\(directory)/zone1970.tab", bytesMax: 1 << 20) ?? []
    // Country codes, coordinates, name, comment; with tabs between them.
    let names = table.split(separator: UInt8(ascii: "\n")).compactMap { line -> String? in
      guard line.first != UInt8(ascii: "#") else { return nil }
      let columns = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
      return columns.count > 2 ? String(decoding: columns[2], as: UTF8.self) : nil
    }
    self.names = [TimeZoneRules.utc.name] + names.sorted()
  }

  /// Nil for a name that is not in the list.
  func zone(named name: String) -> TimeZoneRules? {
    guard name != TimeZoneRules.utc.name else { return .utc }
    guard names.contains(name) else { return nil }
    if let known = read.withLock({ $0[name] }) { return known }
    guard let file = Self.bytes(of: "\(directory)/\(name)", bytesMax: Self.fileBytesMax),
      let zone = TimeZoneRules(name: name, file: file)
    else { return nil }
    read.withLock { $0[name] = zone }
    return zone
  }

  /// A name with points for its slashes, which need no quoting in a cookie.
  func zone(cookieText text: String) -> TimeZoneRules? {
    zone(named: text.split(atByte: ".", omittingEmpty: false).joined(separator: "/"))
  }

  static func cookieText(of name: String) -> String {
    name.split(atByte: "/", omittingEmpty: false).joined(separator: ".")
  }

  private static func bytes(of path: String, bytesMax: Int) -> [UInt8]? {
    guard let data = FileManager.default.contents(atPath: path), data.count <= bytesMax else {
      return nil
    }
    return Array(data)
  }
}
