import Encodings

/// An e-mail address that mail can be sent to (RFC 5321), in ASCII.
///
/// Blanks and line breaks around it, which come along when it is pasted, are no part of it. An
/// international domain is kept in its `xn--` form. Quoted local parts, address literals and other
/// characters in front of the @ are refused: few people have such an address, and each of them is a
/// way to make two spellings of one account or to smuggle a header.
package struct EmailAddress: Sendable, Hashable {
  /// RFC 5321, 4.5.3.1.3, less the angle brackets.
  package static let bytesMax = 254
  static let localPartBytesMax = 64
  static let labelBytesMax = 63

  /// As its owner wrote it, the domain in ASCII.
  package let text: String

  /// What is unique: upper and lower case are the same address.
  package var key: String { text.lowercased() }

  package init(_ text: String) throws(AuthError) {
    let text = Self.trimmed(text)
    guard !text.isEmpty else { throw .invalid(.email, reason: "must not be empty") }
    guard text.utf8.count <= Self.bytesMax else { throw Self.tooLong }
    let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw Self.malformed }
    guard parts[0].allSatisfy({ $0 < 0x80 }) else {
      throw .invalid(.email, reason: "must have ASCII letters before the @")
    }
    guard let domain = InternationalDomain.ascii(String(Substring(parts[1]))),
      Self.isLocalPart(parts[0]), Self.isDomain(domain)
    else { throw Self.malformed }
    self.text = String(Substring(parts[0])) + "@" + domain
    guard self.text.utf8.count <= Self.bytesMax else { throw Self.tooLong }
  }

  /// Takes what was accepted and stored before.
  package init(stored text: String) { self.text = text }

  private static let malformed = AuthError.invalid(
    .email, reason: "is not an e-mail address like name@example.com")
  private static let tooLong = AuthError.invalid(
    .email, reason: "must be at most \(bytesMax) bytes long")

  private static func trimmed(_ text: String) -> String {
    let isBlank = { (byte: UInt8) in " \t\r\n".utf8.contains(byte) }
    let rest = text.utf8.drop(while: isBlank)
    guard let last = rest.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(Substring(rest[...last]))
  }

  /// A `Dot-string` (RFC 5321, 4.1.2).
  private static func isLocalPart(_ part: Substring.UTF8View) -> Bool {
    guard part.count <= localPartBytesMax else { return false }
    return part.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && $0.allSatisfy { isAlphanumeric($0) || specials.contains($0) }
    }
  }

  private static func isDomain(_ domain: String) -> Bool {
    let hyphen = UInt8(ascii: "-")
    return domain.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .allSatisfy { label in
        (1...labelBytesMax).contains(label.count)
          && label.allSatisfy { isAlphanumeric($0) || $0 == hyphen }
          && label.first != hyphen && label.last != hyphen
      }
  }

  /// The rest of `atext` (RFC 5322, 3.2.3).
  private static let specials = Set("!#$%&'*+-/=?^_`{|}~".utf8)

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    byte.isASCIILetter || byte.isASCIIDigit
  }
}
