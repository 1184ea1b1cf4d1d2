import Encodings

/// Quoted-printable (RFC 2045, 6.7): text that is mostly ASCII stays readable, and no line is too
/// long or ends a message by a lone dot.
package enum QuotedPrintable {
  private static let lineCharactersMax = 76

  /// Line feeds become line breaks of mail; everything else that isn't printable ASCII is escaped.
  package static func encode(_ text: String) -> String {
    var output: [UInt8] = []
    var column = 0
    func write(_ token: [UInt8]) {
      if column + token.count >= lineCharactersMax {
        output += Array("=\r\n".utf8)
        column = 0
      }
      output += token
      column += token.count
    }
    let bytes = Array(text.utf8)
    for (index, byte) in bytes.enumerated() {
      let endsLine = index + 1 == bytes.count || bytes[index + 1] == UInt8(ascii: "\n")
      switch byte {
      case UInt8(ascii: "\n"):
        output += Array("\r\n".utf8)
        column = 0
      case UInt8(ascii: " ") where !endsLine: write([byte])
      // A dot that begins a line would have to be doubled on the way.
      case UInt8(ascii: ".") where column == 0: write(escaped(byte))
      case 0x21...0x7E where byte != UInt8(ascii: "="): write([byte])
      default: write(escaped(byte))
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  /// What `encode` made; what isn't such text stays as it is.
  package static func decode(_ text: String) -> String {
    var output: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\r"): break
      case UInt8(ascii: "="):
        if rest.starts(with: "\r\n".utf8) {
          rest = rest.dropFirst(2)
        } else if rest.first == UInt8(ascii: "\n") {
          rest = rest.dropFirst()
        } else if rest.count >= 2,
          let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
        {
          output.append(value)
          rest = rest.dropFirst(2)
        } else {
          output.append(byte)
        }
      default: output.append(byte)
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  private static func escaped(_ byte: UInt8) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return [UInt8(ascii: "="), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
  }
}
