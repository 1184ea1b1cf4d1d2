package import Cryptography

/// An environment file (`.env`) as people write it, read without running or expanding anything.
///
/// Understood: UTF-8 and UTF-16, comments, blank lines, byte order marks, LF and CRLF, `export`,
/// spaces around `=`, single and back quotes (literal), double quotes (`\n \r \t \" \\ \$` and
/// `` \` `` are escapes), quoted values over several lines, comments after values (` #`).
///
/// Nothing is expanded: `$NAME` stays as it is, and a value with `${…}` or `$(…)` outside literal
/// quotes is a problem of that line, since storing it as it stands would store the wrong thing.
package struct DotEnvFile: Sendable {
  package static let bytesMax = 1 << 20
  package static let linesMax = 10_000
  package static let valueBytesMax = 64 << 10

  /// Assignments and malformed lines in the order of the file; no blank lines, no comments.
  package let entries: [DotEnvEntry]

  /// - Throws: `DotEnvError` when the file as a whole exceeds a limit or is no text that is
  ///   understood; everything else is told entry by entry.
  package init(parsing file: SecretBytes) throws(DotEnvError) {
    guard file.count <= Self.bytesMax else { throw .tooManyBytes }
    let text = try DotEnvEncoding.utf8(of: file)
    entries = try text.withUnsafeBytes { (bytes) throws(DotEnvError) in
      var parser = DotEnvParser(bytes)
      guard parser.lineCount <= Self.linesMax else { throw .tooManyLines }
      return parser.parse()
    }
  }
}

/// One assignment of an environment file, or a place where one should have been.
package struct DotEnvEntry: Sendable {
  package enum Content: Sendable {
    /// A variable; its value is unquoted, unescaped and not expanded.
    case variable(name: String, value: SecretBytes)
    /// The name where it could be read; never any other text of the line, which may be a secret.
    case malformed(name: String?, problem: DotEnvProblem)
  }

  /// Counted from 1; more than one line for a quoted value that spans them.
  package let lines: ClosedRange<Int>
  package let content: Content
}

/// What is wrong with one assignment.
package enum DotEnvProblem: Sendable, Equatable, CustomStringConvertible {
  case noAssignment, invalidName, unterminatedQuote, textAfterQuote, reference
  case notUTF8, controlCharacter, valueTooLong

  package var description: String {
    switch self {
    case .noAssignment: "is not NAME=value"
    case .invalidName: "has a name that is not letters, digits and underscores"
    case .unterminatedQuote: "opens a quote that is never closed"
    case .textAfterQuote: "has text after the closing quote"
    case .reference: "refers to another variable or a command, which is not expanded"
    case .notUTF8: "is not UTF-8: save the file as UTF-8"
    case .controlCharacter: "contains a control character"
    case .valueTooLong: "has a value of more than \(DotEnvFile.valueBytesMax) bytes"
    }
  }
}

/// Why a whole file is refused.
package enum DotEnvError: Error, Equatable, CustomStringConvertible {
  case tooManyBytes, tooManyLines, malformedUTF16, utf32

  package var description: String {
    switch self {
    case .tooManyBytes: "has more than \(DotEnvFile.bytesMax) bytes"
    case .tooManyLines: "has more than \(DotEnvFile.linesMax) lines"
    case .malformedUTF16: "is UTF-16 and damaged: save it as UTF-8"
    case .utf32: "is UTF-32: save it as UTF-8"
    }
  }
}
