import Encodings

/// A way to write variables down so that programs read back exactly the same bytes.
package enum EnvironmentFormat: String, Sendable, CaseIterable {
  /// `.env` as python-dotenv and `chatelaine env import` read it; others differ in how they undo
  /// escapes, which only values with a quote or line break have.
  case dotenv
  /// What `docker run --env-file` reads: nothing is quoted.
  case docker
  /// Assignments for a POSIX shell, to be read by its `.` command.
  case shell = "sh"

  /// Longest line that Docker reads.
  package static let dockerLineBytesMax = 64 << 10

  /// Why a value can't be written in a format, without the value.
  package struct Failure: Error, Hashable, CustomStringConvertible {
    package let description: String
  }

  /// One line, with its end; several for a value with line breaks in a shell's quotes.
  ///
  /// - Parameter name: letters, digits and underscores, no digit first.
  package func line(
    _ name: String, _ value: UnsafeRawBufferPointer
  ) throws(Failure) -> [UInt8] {
    guard Self.isName(name) else {
      throw Failure(description: "'\(name)' is not letters, digits and underscores")
    }
    guard !value.contains(0) else { throw Failure(description: "no variable holds a NUL byte") }
    switch self {
    case .shell: return Array("export \(name)='".utf8) + Self.shellQuoted(value) + Array("'\n".utf8)
    case .docker: return Array("\(name)=".utf8) + (try Self.dockerText(name, value)) + [0x0A]
    case .dotenv: return Array("\(name)=".utf8) + (try Self.dotenvText(value)) + [0x0A]
    }
  }

  package static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !first.isASCIIDigit else { return false }
    return text.utf8.allSatisfy {
      $0.isASCIIUpper || $0.isASCIILower || $0.isASCIIDigit || $0 == UInt8(ascii: "_")
    }
  }

  /// Between single quotes nothing but the quote itself means anything (POSIX, 2.2.2).
  private static func shellQuoted(_ value: UnsafeRawBufferPointer) -> [UInt8] {
    var text: [UInt8] = []
    for byte in value {
      if byte == UInt8(ascii: "'") { text += #"'\''"#.utf8 } else { text.append(byte) }
    }
    return text
  }

  private static func dockerText(
    _ name: String, _ value: UnsafeRawBufferPointer
  ) throws(Failure) -> [UInt8] {
    guard !value.contains(0x0A), !value.contains(0x0D) else {
      throw Failure(description: "has a line break, which Docker's format has no way to write")
    }
    guard name.utf8.count + 1 + value.count < dockerLineBytesMax else {
      throw Failure(description: "is longer than the \(dockerLineBytesMax) bytes that Docker reads")
    }
    guard String(validating: value, as: UTF8.self) != nil else {
      throw Failure(description: "is not UTF-8, which Docker doesn't read")
    }
    return Array(value)
  }

  /// Plain where nothing has a meaning anywhere, else in single quotes, whose content every reader
  /// takes as it is, else in double quotes with escapes.
  private static func dotenvText(_ value: UnsafeRawBufferPointer) throws(Failure) -> [UInt8] {
    guard String(validating: value, as: UTF8.self) != nil else {
      throw Failure(description: "is not UTF-8, which .env files are")
    }
    if !value.isEmpty, value.allSatisfy(isPlain) { return Array(value) }
    for (index, byte) in value.enumerated() where byte == UInt8(ascii: "$") {
      // python-dotenv expands it between any quotes, and has no escape for it.
      let next = index + 1 < value.count ? value[index + 1] : 0
      if next == UInt8(ascii: "{") {
        throw Failure(description: "has '${', which programs that read .env files expand")
      }
    }
    let quote = UInt8(ascii: "'")
    if !value.contains(quote), !value.contains(where: isControl), !hasEscape(value) {
      return [quote] + Array(value) + [quote]
    }
    return try doubleQuoted(value)
  }

  private static func doubleQuoted(_ value: UnsafeRawBufferPointer) throws(Failure) -> [UInt8] {
    var text = [UInt8(ascii: "\"")]
    for byte in value {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
      case 0x0A: text += #"\n"#.utf8
      case 0x0D: text += #"\r"#.utf8
      case 0x09: text += #"\t"#.utf8
      case UInt8(ascii: "$"), UInt8(ascii: "`"):
        // Readers differ in whether and how these are escaped, and a shell would run them.
        throw Failure(
          description: "has '$' or '`' beside a quote, backslash or line break: no way to write it "
            + "in a .env file is read alike everywhere; the format sh has one")
      case _ where isControl(byte):
        throw Failure(description: "has a control character, which .env files can't hold")
      default: text.append(byte)
      }
    }
    return text + [UInt8(ascii: "\"")]
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte.isASCIIUpper || byte.isASCIILower || byte.isASCIIDigit
      || "_-./:@%+,=".utf8.contains(byte)
  }

  private static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }

  /// What python-dotenv undoes between single quotes: a backslash before another, or before the
  /// quote that ends the value.
  private static func hasEscape(_ value: UnsafeRawBufferPointer) -> Bool {
    let backslash = UInt8(ascii: "\\")
    return value.last == backslash
      || zip(value, value.dropFirst()).contains { $0 == backslash && $1 == backslash }
  }
}
