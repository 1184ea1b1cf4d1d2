/// Base 16 (RFC 4648, 8), written in lower case, read in either.
package enum Hex {
  private static let digits = Array("0123456789abcdef".utf8)

  /// Returns two digits for each byte.
  package static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Returns the bytes, or nil for an odd length or any other character.
  package static func decode(_ text: some StringProtocol) -> [UInt8]? {
    let digits = Array(text.utf8)
    var bytes = [UInt8](repeating: 0, count: digits.count / 2)
    let isDecoded = digits.withUnsafeBytes { digits in
      bytes.withUnsafeMutableBytes { decode(digits, into: $0) }
    }
    return isDecoded ? bytes : nil
  }

  /// Fills `bytes` from exactly twice as many digits.
  static func decode(
    _ digits: UnsafeRawBufferPointer, into bytes: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard digits.count == bytes.count * 2 else { return false }
    for index in bytes.indices {
      guard let high = value(of: digits[index * 2]), let low = value(of: digits[index * 2 + 1])
      else { return false }
      bytes[index] = high << 4 | low
    }
    return true
  }

  static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
