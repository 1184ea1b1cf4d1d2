package import Cryptography

/// An environment file (`.env`) as people write it, read without running or expanding anything.
///
/// Understood: comments, blank lines, a byte order mark, LF and CRLF, `export`, spaces around `=`,
/// single and back quotes (literal), double quotes (`\n \r \t \" \\ \$` and `` \` `` are escapes),
/// quoted values over several lines, comments after values (` #`).
///
/// Nothing is expanded: `$NAME` stays as it is, and a value with `${…}` or `$(…)` outside literal
/// quotes is a problem of that line, since storing it as it stands would store the wrong thing.
package struct DotEnvFile: Sendable {
  package static let bytesMax = 1 << 20
  package static let linesMax = 10_000
  package static let valueBytesMax = 64 << 10

  /// Assignments and malformed lines in the order of the file; no blank lines, no comments.
  package let entries: [DotEnvEntry]

  /// - Throws: `DotEnvError` when the file as a whole exceeds a limit; everything else is told
  ///   entry by entry.
  package init(parsing file: SecretBytes) throws(DotEnvError) {
    guard file.count <= Self.bytesMax else { throw .tooManyBytes }
    entries = try file.withUnsafeBytes { (bytes) throws(DotEnvError) in
      var parser = DotEnvParser(bytes)
      guard parser.lineCount <= Self.linesMax else { throw .tooManyLines }
      return parser.parse()
    }
  }
}
