/// Classes of ASCII characters, asked of bytes: a `Character` may carry combining marks unseen.
extension UInt8 {
  package var isASCIIDigit: Bool { (0x30...0x39).contains(self) }
  package var isASCIILower: Bool { (0x61...0x7A).contains(self) }
  package var isASCIIUpper: Bool { (0x41...0x5A).contains(self) }
  package var isASCIILetter: Bool { isASCIILower || isASCIIUpper }
  /// Letters and digits of either case: 0-9, a-f, A-F.
  package var isHexDigit: Bool { Hex.value(of: self) != nil }
  /// C0 and DEL.
  package var isASCIIControl: Bool { self < 0x20 || self == 0x7F }
}

extension Int32 {
  /// All ones when this byte lies between the two, else zero; takes the same time either way.
  func mask(ifIn first: Int32, _ last: Int32) -> Int32 {
    ((first - 1 - self) & (self - last - 1)) >> 8
  }
}

extension String {
  /// Whether U+FFFD is in it. Decoders put it where bytes are not UTF-8; hardly anybody sends it on
  /// purpose.
  package var hasReplacementCharacter: Bool {
    // Seldom there, so that its first byte decides for nearly all.
    guard utf8.contains(0xEF) else { return false }
    return unicodeScalars.contains("\u{FFFD}")
  }
}
