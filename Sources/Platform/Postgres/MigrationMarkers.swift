/// What the comments at the head of a migration's file say about it.
///
/// - `-- chatelaine: without transaction`: for statements like CREATE INDEX CONCURRENTLY. Each
///   statement ends with `;` at the end of a line, can be run again (IF NOT EXISTS), and needs no
///   dollar quotes.
/// - `-- chatelaine: needs version 5`: a program that doesn't know migration 5 must not start on a
///   database that has this one. Without it, old code runs beside the new schema.
struct MigrationMarkers: Sendable {
  private static let prefix = "-- chatelaine: "
  private static let withoutTransaction = "without transaction"
  private static let needsVersion = "needs version "

  private(set) var isWithoutTransaction = false
  /// How many migrations a program must know; 0 for any.
  private(set) var minimumVersion = 0
  /// One by one, when there is no transaction around them.
  private(set) var statements: [String] = []

  init(of migration: Migration) throws(PostgresMigrationError) {
    func refused(_ reason: String) -> PostgresMigrationError {
      .malformed(number: migration.number, name: migration.name, reason: reason)
    }
    let lines = migration.sql.split(separator: "\n", omittingEmptySubsequences: false)
    for line in lines where line.hasPrefix(Self.prefix) {
      let marker = line.dropFirst(Self.prefix.count)
      if marker == Self.withoutTransaction {
        isWithoutTransaction = true
      } else if marker.hasPrefix(Self.needsVersion),
        let version = Int(marker.dropFirst(Self.needsVersion.count)),
        (1...migration.number).contains(version)
      {
        minimumVersion = version
      } else {
        throw refused("unknown marker '\(marker)'")
      }
    }
    guard isWithoutTransaction else { return }
    guard !migration.sql.contains("$$") else {
      throw refused("dollar quotes need a transaction")
    }
    statements = Self.split(lines)
    guard !statements.isEmpty else { throw refused("no statement ends with ; at a line's end") }
  }

  private static func split(_ lines: [Substring]) -> [String] {
    var statements: [String] = []
    var current: [Substring] = []
    for line in lines where !line.hasPrefix("--") && !line.allSatisfy(\.isWhitespace) {
      current.append(line)
      guard line.hasSuffix(";") else { continue }
      statements.append(current.joined(separator: "\n"))
      current = []
    }
    // What has no end is a statement too: the server says what is wrong with it.
    return current.isEmpty ? statements : statements + [current.joined(separator: "\n")]
  }
}
