package import FoundationEssentials
package import Identity

/// A person with an account.
package struct Account: Sendable, Hashable {
  package let id: UserID
  package let email: EmailAddress
  package let displayName: DisplayName
  package let createTime: Date

  package init(id: UserID, email: EmailAddress, displayName: DisplayName, createTime: Date) {
    self.id = id
    self.email = email
    self.displayName = displayName
    self.createTime = createTime
  }
}

/// An e-mail address that mail can be sent to (RFC 5321), in ASCII.
///
/// Quoted local parts, address literals and characters beyond ASCII are refused: few people have
/// such an address, and each of them is a way to make two spellings of one account or to smuggle a
/// header. An international domain can be given in its `xn--` form.
package struct EmailAddress: Sendable, Hashable {
  /// RFC 5321, 4.5.3.1.3, less the angle brackets.
  package static let bytesMax = 254
  static let localPartBytesMax = 64
  static let labelBytesMax = 63

  /// As its owner wrote it.
  package let text: String

  /// What is unique: upper and lower case are the same address.
  package var key: String { text.lowercased() }

  package init(_ text: String) throws(AuthError) {
    guard !text.isEmpty else { throw .invalid(.email, reason: "must not be empty") }
    guard text.utf8.count <= Self.bytesMax else {
      throw .invalid(.email, reason: "must be at most \(Self.bytesMax) bytes long")
    }
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, Self.isLocalPart(parts[0]), Self.isDomain(parts[1]) else {
      throw .invalid(.email, reason: "is not an e-mail address like name@example.com")
    }
    self.text = text
  }

  /// Takes what was accepted and stored before.
  package init(stored text: String) { self.text = text }

  /// A `Dot-string` (RFC 5321, 4.1.2).
  private static func isLocalPart(_ part: Substring) -> Bool {
    guard part.utf8.count <= localPartBytesMax else { return false }
    return part.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
      !atom.isEmpty && atom.utf8.allSatisfy { isAlphanumeric($0) || specials.contains($0) }
    }
  }

  private static func isDomain(_ part: Substring) -> Bool {
    part.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      (1...labelBytesMax).contains(label.utf8.count)
        && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
        && !label.hasPrefix("-") && !label.hasSuffix("-")
    }
  }

  /// The rest of `atext` (RFC 5322, 3.2.3).
  private static let specials = Set("!#$%&'*+-/=?^_`{|}~".utf8)

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}

/// What a person wants to be called; may be empty.
package struct DisplayName: Sendable, Hashable {
  package static let charactersMax = 100

  package let text: String

  package init(_ text: String) throws(AuthError) {
    guard text.unicodeScalars.count <= Self.charactersMax else {
      throw .invalid(
        .displayName, reason: "must be at most \(Self.charactersMax) characters long")
    }
    guard text.isFreeOfControlCharacters else {
      throw .invalid(.displayName, reason: "must not contain control characters")
    }
    self.text = text
  }

  /// Takes what was accepted and stored before.
  package init(stored text: String) { self.text = text }
}

extension String {
  /// Neither controls nor the characters that turn the direction of the text around them.
  var isFreeOfControlCharacters: Bool {
    unicodeScalars.allSatisfy { scalar in
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: false
      default: true
      }
    }
  }
}
