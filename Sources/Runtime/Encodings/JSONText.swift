/// Strings of JSON (RFC 8259, 7), escaped so that they can stand anywhere: in a line of a log, in
/// an HTTP header, in a script element.
///
/// Beside what JSON demands, DEL, C1 and the line separators are escaped, which some viewers obey,
/// and angle brackets, which could end a script.
package enum JSONText {
  /// Appends `text` with its quotes; of more than `bytesMax` bytes the rest becomes an ellipsis.
  package static func append(_ text: String, to json: inout [UInt8], bytesMax: Int = .max) {
    json.append(UInt8(ascii: "\""))
    if text.utf8.count <= bytesMax, appendIfPlain(text, to: &json) {
      json.append(UInt8(ascii: "\""))
      return
    }
    let start = json.count
    for scalar in text.unicodeScalars {
      guard json.count - start < bytesMax else {
        json.append(contentsOf: "…".utf8)
        break
      }
      switch scalar.value {
      case 0x22, 0x5C:
        json.append(UInt8(ascii: "\\"))
        json.append(UInt8(truncatingIfNeeded: scalar.value))
      case 0x09: json.append(contentsOf: "\\t".utf8)
      case 0x0A: json.append(contentsOf: "\\n".utf8)
      case 0x0D: json.append(contentsOf: "\\r".utf8)
      case 0x00..<0x20, 0x3C, 0x3E, 0x7F..<0xA0, 0x2028, 0x2029:
        appendEscape(of: scalar.value, to: &json)
      case ..<0x80: json.append(UInt8(truncatingIfNeeded: scalar.value))
      default: json.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
    json.append(UInt8(ascii: "\""))
  }

  /// A string with its quotes.
  package static func string(_ text: String) -> String {
    var json: [UInt8] = []
    append(text, to: &json)
    return String(decoding: json, as: UTF8.self)
  }

  /// An object of values that are JSON already, in this order.
  package static func object(_ members: [(name: String, value: String)]) -> String {
    "{" + members.map { "\(string($0.name)):\($0.value)" }.joined(separator: ",") + "}"
  }

  /// Copies text in which nothing needs an escape, as nearly all is; else appends nothing.
  private static func appendIfPlain(_ text: String, to json: inout [UInt8]) -> Bool {
    text.utf8.withContiguousStorageIfAvailable { bytes in
      let isPlain = bytes.allSatisfy { byte in
        (0x20..<0x7F).contains(byte) && byte != 0x22 && byte != 0x5C && byte != 0x3C
          && byte != 0x3E
      }
      if isPlain { json.append(contentsOf: bytes) }
      return isPlain
    } ?? false
  }

  private static func appendEscape(of value: UInt32, to json: inout [UInt8]) {
    json.append(contentsOf: "\\u".utf8)
    for shift: UInt32 in [12, 8, 4, 0] {
      json.append(Hex.digit(UInt8(truncatingIfNeeded: value >> shift & 15)))
    }
  }
}
