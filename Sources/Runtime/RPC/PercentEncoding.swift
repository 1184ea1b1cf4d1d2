/// The encoding of `grpc-message`: visible ASCII as it is, every other byte of the UTF-8 as `%XX`.
package enum PercentEncoding {
  private static let digits = Array("0123456789ABCDEF".utf8)
  private static let percent = UInt8(ascii: "%")

  package static func encode(_ text: String) -> [UInt8] {
    var encoded: [UInt8] = []
    encoded.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
      if Metadata.isVisible(byte), byte != percent {
        encoded.append(byte)
      } else {
        encoded += [percent, digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
      }
    }
    return encoded
  }

  /// What isn't a proper escape is taken literally, bad UTF-8 is replaced: a message must never be
  /// lost over its form (PROTOCOL-HTTP2, "Percent-Encoded").
  package static func decode(_ bytes: some RandomAccessCollection<UInt8>) -> String {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(bytes.count)
    var rest = bytes[...]
    while let byte = rest.popFirst() {
      if byte == percent, rest.count >= 2,
        let high = value(rest[rest.startIndex]),
        let low = value(rest[rest.index(after: rest.startIndex)])
      {
        decoded.append(high << 4 | low)
        rest = rest.dropFirst(2)
      } else {
        decoded.append(byte)
      }
    }
    return String(decoding: decoded, as: UTF8.self)
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
