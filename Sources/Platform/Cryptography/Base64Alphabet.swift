/// The two alphabets of base 64 (RFC 4648, 4 and 5), and the codec they share. Never padded.
enum Base64Alphabet {
  case standard, url

  private static let common = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

  private var last: (UInt8, UInt8) {
    switch self {
    case .standard: (UInt8(ascii: "+"), UInt8(ascii: "/"))
    case .url: (UInt8(ascii: "-"), UInt8(ascii: "_"))
    }
  }

  static func encodedCount(ofBytes count: Int) -> Int { (count * 4 + 2) / 3 }
  static func decodedCount(ofDigits count: Int) -> Int { count * 3 / 4 }

  /// Fills `digits`, which has `encodedCount` bytes.
  func encode(_ bytes: UnsafeRawBufferPointer, into digits: UnsafeMutableRawBufferPointer) {
    var accumulator: UInt32 = 0
    var bits = 0
    var next = 0
    for byte in bytes {
      accumulator = accumulator << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        digits[next] = digit(for: UInt8(accumulator >> UInt32(bits) & 63))
        next += 1
      }
      accumulator &= (1 << UInt32(bits)) - 1
    }
    if bits > 0 {
      digits[next] = digit(for: UInt8(accumulator << UInt32(6 - bits) & 63))
    }
  }

  /// Fills `bytes`, which has `decodedCount` bytes; false for a foreign character, an impossible
  /// length, or left-over bits that are not zero (so each value has one spelling).
  func decode(
    _ digits: UnsafeRawBufferPointer, into bytes: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard digits.count % 4 != 1 else { return false }
    var accumulator: UInt32 = 0
    var bits = 0
    var next = 0
    for digit in digits {
      guard let value = value(of: digit) else { return false }
      accumulator = accumulator << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes[next] = UInt8(truncatingIfNeeded: accumulator >> UInt32(bits))
        next += 1
        accumulator &= (1 << UInt32(bits)) - 1
      }
    }
    return accumulator == 0
  }

  func encode(_ bytes: [UInt8]) -> String {
    var digits = [UInt8](repeating: 0, count: Self.encodedCount(ofBytes: bytes.count))
    bytes.withUnsafeBytes { bytes in digits.withUnsafeMutableBytes { encode(bytes, into: $0) } }
    return String(decoding: digits, as: UTF8.self)
  }

  func decode(_ text: some StringProtocol) -> [UInt8]? {
    let digits = Array(text.utf8)
    var bytes = [UInt8](repeating: 0, count: Self.decodedCount(ofDigits: digits.count))
    let isDecoded = digits.withUnsafeBytes { digits in
      bytes.withUnsafeMutableBytes { decode(digits, into: $0) }
    }
    return isDecoded ? bytes : nil
  }

  private func digit(for value: UInt8) -> UInt8 {
    switch value {
    case 62: last.0
    case 63: last.1
    default: Self.common[Int(value)]
    }
  }

  func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
    case last.0: 62
    case last.1: 63
    default: nil
    }
  }
}
