/// Base 64 (RFC 4648, 4 and 5), read strictly: each value has one spelling.
///
/// Neither branches nor look-ups depend on the digits, because some of them spell secrets: the time
/// that a text takes tells its length and whether it is well formed, and nothing else.
package enum Base64: Sendable {
  /// With `+` and `/`.
  case standard
  /// With `-` and `_`, for URLs and file names.
  case url
  /// Reads both, even mixed, as JSON of protobuf may come; writes the standard one.
  case either

  /// Whether `=` may fill the last group of four digits.
  package enum Padding: Sendable {
    case refused, optional
  }

  /// Digits of so many bytes, without padding.
  package static func encodedCount(ofBytes count: Int) -> Int { (count * 4 + 2) / 3 }
  /// Bytes of so many digits, padding not counted.
  package static func decodedCount(ofDigits count: Int) -> Int { count * 3 / 4 }

  // MARK: Writing

  /// Fills `digits`, which has `encodedCount` bytes; no padding.
  package func encode(_ bytes: UnsafeRawBufferPointer, into digits: UnsafeMutableRawBufferPointer) {
    precondition(digits.count == Self.encodedCount(ofBytes: bytes.count), "room for each digit")
    var group: UInt32 = 0
    var bits: UInt32 = 0
    var next = 0
    for byte in bytes {
      group = group << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        digits[next] = digit(of: group >> bits & 63)
        next += 1
      }
    }
    if bits > 0 { digits[next] = digit(of: group << (6 - bits) & 63) }
  }

  /// The digits as ASCII.
  package func digits(of bytes: UnsafeRawBufferPointer, isPadded: Bool = false) -> [UInt8] {
    let count = Self.encodedCount(ofBytes: bytes.count)
    let paddedCount = isPadded ? (count + 3) / 4 * 4 : count
    var digits = [UInt8](repeating: UInt8(ascii: "="), count: paddedCount)
    digits.withUnsafeMutableBytes {
      encode(bytes, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<count]))
    }
    return digits
  }

  package func digits(of bytes: [UInt8], isPadded: Bool = false) -> [UInt8] {
    bytes.withUnsafeBytes { digits(of: $0, isPadded: isPadded) }
  }

  package func encode(_ bytes: [UInt8], isPadded: Bool = false) -> String {
    String(decoding: digits(of: bytes, isPadded: isPadded), as: UTF8.self)
  }

  // MARK: Reading

  /// Fills `bytes`, which has `decodedCount` bytes, from digits without padding; false for a
  /// foreign character, an impossible length, or left-over bits that are not zero.
  package func decode(
    _ digits: UnsafeRawBufferPointer, into bytes: UnsafeMutableRawBufferPointer
  ) -> Bool {
    precondition(bytes.count == Self.decodedCount(ofDigits: digits.count), "room for each byte")
    guard digits.count % 4 != 1 else { return false }
    var group: UInt32 = 0
    var bits: UInt32 = 0
    var next = 0
    var foreign: Int32 = 0
    for digit in digits {
      let value = value(of: digit)
      foreign |= value
      group = group << 6 | UInt32(bitPattern: value & 63)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes[next] = UInt8(truncatingIfNeeded: group >> bits)
        next += 1
      }
    }
    return foreign >= 0 && group & (1 << bits - 1) == 0
  }

  /// The bytes; nil for what `decode(_:into:)` refuses, and for padding that isn't allowed or not
  /// what belongs there.
  package func decode(_ text: UnsafeRawBufferPointer, padding: Padding = .refused) -> [UInt8]? {
    var end = text.count
    if padding == .optional, text.count % 4 == 0 {
      for _ in 0..<2 where end > 0 && text[end - 1] == UInt8(ascii: "=") { end -= 1 }
    }
    let digits = UnsafeRawBufferPointer(rebasing: text[..<end])
    var bytes = [UInt8](repeating: 0, count: Self.decodedCount(ofDigits: digits.count))
    return bytes.withUnsafeMutableBytes { decode(digits, into: $0) } ? bytes : nil
  }

  package func decode(_ text: some StringProtocol, padding: Padding = .refused) -> [UInt8]? {
    Array(text.utf8).withUnsafeBytes { decode($0, padding: padding) }
  }

  package func isDigit(_ byte: UInt8) -> Bool { value(of: byte) >= 0 }

  // MARK: Digits

  /// Each step moves the values past one end of the alphabet's runs; the shifts give -1 or 0.
  private func digit(of value: UInt32) -> UInt8 {
    let value = Int32(bitPattern: value)
    let (second, third): (Int32, Int32) = self == .url ? (13, 49) : (15, 3)
    var digit = value + 65
    digit += (25 - value) >> 8 & 6
    digit -= (51 - value) >> 8 & 75
    digit -= (61 - value) >> 8 & second
    digit += (62 - value) >> 8 & third
    return UInt8(truncatingIfNeeded: digit)
  }

  /// -1 for what is no digit.
  private func value(of byte: UInt8) -> Int32 {
    let byte = Int32(byte)
    var value: Int32 = -1
    value += byte.mask(ifIn: 0x41, 0x5A) & (byte - 64)
    value += byte.mask(ifIn: 0x61, 0x7A) & (byte - 70)
    value += byte.mask(ifIn: 0x30, 0x39) & (byte + 5)
    if self != .url {
      value += byte.mask(ifIn: 0x2B, 0x2B) & 63
      value += byte.mask(ifIn: 0x2F, 0x2F) & 64
    }
    if self != .standard {
      value += byte.mask(ifIn: 0x2D, 0x2D) & 63
      value += byte.mask(ifIn: 0x5F, 0x5F) & 64
    }
    return value
  }
}
