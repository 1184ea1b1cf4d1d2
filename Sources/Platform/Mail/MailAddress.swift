import Encodings
import FoundationEssentials

/// Where a mail comes from or goes to, in the form that SMTP takes (RFC 5321, 4.1.2): ASCII.
package struct MailAddress: Sendable, Hashable {
  /// RFC 5321, 4.5.3.1.3, less the angle brackets.
  package static let bytesMax = 254
  package static let nameBytesMax = 256

  /// `local@domain`.
  package let address: String
  /// What people read beside it; may be empty.
  package let name: String

  /// Nil for anything that could end a command or header: blanks, controls, angle brackets, quotes.
  package init?(_ address: String, name: String = "") {
    let bytes = Array(address.utf8)
    let ats = bytes.filter { $0 == UInt8(ascii: "@") }
    guard bytes.count <= Self.bytesMax, ats.count == 1, bytes.first != UInt8(ascii: "@"),
      bytes.last != UInt8(ascii: "@"), bytes.allSatisfy({ Self.isAllowed($0) }),
      name.utf8.count <= Self.nameBytesMax, HeaderText.isOneLine(name)
    else { return nil }
    self.address = address
    self.name = name
  }

  /// Reads `name@example.com` or `Name <name@example.com>`, as settings have it.
  package init?(header text: String) {
    guard let opening = text.utf8.firstIndex(of: UInt8(ascii: "<")) else {
      self.init(text)
      return
    }
    guard text.utf8.last == UInt8(ascii: ">") else { return nil }
    var name = text[..<opening].unicodeScalars
    while name.last == " " { name.removeLast() }
    let address = text[text.utf8.index(after: opening)...].utf8.dropLast()
    self.init(String(Substring(address)), name: String(Substring(name)))
  }

  /// What stands behind the @.
  package var domain: String {
    String(Substring(address.utf8.drop { $0 != UInt8(ascii: "@") }.dropFirst()))
  }

  /// For a header: the name as an encoded word, whatever is in it.
  var headerText: String {
    name.isEmpty ? address : "\(HeaderText.encodedWords(name)) <\(address)>"
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...0x20, 0x7F...: false
    case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "\\"),
      UInt8(ascii: ","), UInt8(ascii: ";"):
      false
    default: true
    }
  }
}

/// Text of header fields.
enum HeaderText {
  /// RFC 2047, 2: an encoded word has at most 75 characters, of which the frame takes 12.
  private static let wordBytesMax = 45

  static func isOneLine(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029: false
      default: true
      }
    }
  }

  /// Encoded words (RFC 2047) in base64, cut between characters. Nothing in `text` can end a header
  /// then, not even a line break.
  static func encodedWords(_ text: String) -> String {
    var words: [[UInt8]] = [[]]
    for scalar in text.unicodeScalars {
      let bytes = Array(String(scalar).utf8)
      if let last = words.last, last.count + bytes.count > wordBytesMax { words.append([]) }
      words[words.count - 1] += bytes
    }
    return words.map { "=?utf-8?B?\(Base64.standard.encode($0, isPadded: true))?=" }
      .joined(separator: "\r\n ")
  }

  /// What `encodedWords` made; other text stays as it is.
  static func decodedWords(_ text: String) -> String {
    var output: [UInt8] = []
    for word in text.components(separatedBy: " ") where !word.isEmpty {
      if word.hasPrefix("=?utf-8?B?"), word.hasSuffix("?="),
        let bytes = Base64.standard.decode(
          String(word.dropFirst(10).dropLast(2)), padding: .optional)
      {
        output += bytes
      } else {
        output += Array((output.isEmpty ? word : " " + word).utf8)
      }
    }
    return String(decoding: output, as: UTF8.self)
  }
}
