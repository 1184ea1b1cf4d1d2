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
    case .notUTF8: "is not UTF-8"
    case .controlCharacter: "contains a control character"
    case .valueTooLong: "has a value of more than \(DotEnvFile.valueBytesMax) bytes"
    }
  }
}

/// Why a whole file is refused.
package enum DotEnvError: Error, Equatable, CustomStringConvertible {
  case tooManyBytes, tooManyLines

  package var description: String {
    switch self {
    case .tooManyBytes: "has more than \(DotEnvFile.bytesMax) bytes"
    case .tooManyLines: "has more than \(DotEnvFile.linesMax) lines"
    }
  }
}
