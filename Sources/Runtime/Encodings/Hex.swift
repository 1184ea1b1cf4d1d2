/// Base 16 (RFC 4648, 8).
package enum Hex {
  /// Which digits above 9 are read.
  package enum Case: Sendable {
    case any
    /// Where each value must have one spelling.
    case lower
  }

  // MARK: Bytes

  /// Two lower-case digits for each byte.
  package static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var digits: [UInt8] = []
    digits.reserveCapacity(bytes.underestimatedCount * 2)
    for byte in bytes {
      digits.append(digit(byte >> 4))
      digits.append(digit(byte & 15))
    }
    return String(decoding: digits, as: UTF8.self)
  }

  /// The bytes; nil for an odd length or any other character.
  package static func decode(_ text: some StringProtocol, _ letters: Case = .any) -> [UInt8]? {
    let digits = Array(text.utf8)
    var bytes = [UInt8](repeating: 0, count: digits.count / 2)
    let isDecoded = digits.withUnsafeBytes { digits in
      bytes.withUnsafeMutableBytes { decode(digits, letters, into: $0) }
    }
    return isDecoded ? bytes : nil
  }

  /// Fills `bytes` from exactly twice as many digits, without branches that depend on them.
  package static func decode(
    _ digits: UnsafeRawBufferPointer, _ letters: Case = .any,
    into bytes: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard digits.count == bytes.count * 2 else { return false }
    var foreign: Int32 = 0
    for index in bytes.indices {
      let high = signedValue(of: digits[index * 2], letters)
      let low = signedValue(of: digits[index * 2 + 1], letters)
      foreign |= high | low
      bytes[index] = UInt8(truncatingIfNeeded: high << 4 | low & 15)
    }
    return foreign >= 0
  }

  // MARK: Numbers

  /// Fills `digits` with the low end of `number`, in lower case and with leading zeros.
  package static func write(_ number: UInt64, into digits: Slice<UnsafeMutableRawBufferPointer>) {
    var number = number
    for index in digits.indices.reversed() {
      digits.base[index] = digit(UInt8(truncatingIfNeeded: number & 15))
      number >>= 4
    }
  }

  /// The number that at most 16 lower-case digits spell; nil for anything else.
  package static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64? {
    guard digits.count <= 16 else { return nil }
    var number: UInt64 = 0
    for byte in digits {
      let value = signedValue(of: byte, .lower)
      guard value >= 0 else { return nil }
      number = number << 4 | UInt64(value)
    }
    return number
  }

  // MARK: Digits

  package static func value(of digit: UInt8) -> UInt8? {
    UInt8(exactly: signedValue(of: digit, .any))
  }

  /// The digit of a value below 16.
  package static func digit(_ value: UInt8, isUpper: Bool = false) -> UInt8 {
    value < 10
      ? UInt8(ascii: "0") + value : (isUpper ? UInt8(ascii: "A") : UInt8(ascii: "a")) + value - 10
  }

  /// -1 for what is no digit.
  private static func signedValue(of digit: UInt8, _ letters: Case) -> Int32 {
    let digit = Int32(digit)
    var value: Int32 = -1
    value += digit.mask(ifIn: 0x30, 0x39) & (digit - 0x2F)
    value += digit.mask(ifIn: 0x61, 0x66) & (digit - 0x56)
    if letters == .any { value += digit.mask(ifIn: 0x41, 0x46) & (digit - 0x36) }
    return value
  }
}
