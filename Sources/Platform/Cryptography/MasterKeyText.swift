import Encodings

/// Reads an operator's master key from text: 64 hexadecimal digits, or base64 of either alphabet
/// with or without padding.
enum MasterKeyText {
  /// How much of a text is searched for placeholders.
  private static let searchedBytesMax = 1024
  private static let hexDigitCount = MasterKey.byteCount * 2
  /// 64 characters of which at least this many are hexadecimal digits were meant as hexadecimal.
  private static let hexDigitCountLikely = 56

  private static let placeholders = [
    "changeme", "changethis", "replaceme", "replacethis", "yourkey", "yoursecret", "yourmaster",
    "masterkey", "example", "placeholder", "insecure", "secretkey", "default", "password",
    "generateme", "generatewith", "todo",
  ]

  /// Returns 32 bytes whose value has not been judged yet.
  static func decode(_ text: UnsafeRawBufferPointer) throws(MasterKeyError) -> SecretBytes {
    let text = withoutFinalLineBreak(text)
    guard !text.isEmpty else { throw .missing }
    if let offset = text.firstIndex(where: isWhitespace) { throw .whitespace(offset: offset) }
    do throws(MasterKeyError) {
      return try decodeDigits(text)
    } catch {
      // "change-me-please" is valid base64 of 12 bytes; the better answer names what it is.
      if isPlaceholder(text) { throw .placeholder }
      throw error
    }
  }

  private static func decodeDigits(
    _ text: UnsafeRawBufferPointer
  ) throws(MasterKeyError) -> SecretBytes {
    let foreign = text.firstIndex { !$0.isHexDigit }
    if text.count == hexDigitCount {
      let hexDigits = text.lazy.filter(\.isHexDigit).count
      if let foreign, hexDigits >= hexDigitCountLikely { throw .invalidHex(offset: foreign) }
      if foreign == nil {
        return SecretBytes(count: MasterKey.byteCount) { _ = Hex.decode(text, into: $0) }
      }
    } else if foreign == nil, ![43, 44].contains(text.count) {
      // All hexadecimal and not as long as base64 would be: a hexadecimal key cut short or doubled.
      throw .wrongLength(byteCount: text.count / 2, encoding: .hexadecimal)
    }
    return try decodeBase64(text)
  }

  private static func decodeBase64(
    _ text: UnsafeRawBufferPointer
  ) throws(MasterKeyError) -> SecretBytes {
    let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
    let digits = UnsafeRawBufferPointer(rebasing: text.dropLast(padding))
    let usesStandard = digits.contains { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/") }
    let usesURL = digits.contains { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    let alphabet: Base64 = usesURL ? .url : .standard
    if let offset = digits.firstIndex(where: { !Base64.either.isDigit($0) }) {
      throw .invalidBase64(offset: offset)
    }
    if usesStandard && usesURL { throw .mixedBase64Alphabets }
    guard padding == 0 || (padding <= 2 && text.count % 4 == 0) else {
      throw .malformedBase64(characterCount: text.count)
    }

    // Before the bits are looked at: a key cut short usually has stray ones as well, and its length
    // is what the operator needs to hear.
    let byteCount = Base64.decodedCount(ofDigits: digits.count)
    guard digits.count % 4 != 1 else { throw .malformedBase64(characterCount: text.count) }
    guard byteCount == MasterKey.byteCount else {
      throw .wrongLength(byteCount: byteCount, encoding: .base64)
    }
    var isDecoded = false
    let key = SecretBytes(count: byteCount) { isDecoded = alphabet.decode(digits, into: $0) }
    guard isDecoded else { throw .malformedBase64(characterCount: text.count) }
    return key
  }

  /// Files written by a shell end in a line break; anything else around a key is a mistake.
  private static func withoutFinalLineBreak(
    _ text: UnsafeRawBufferPointer
  ) -> UnsafeRawBufferPointer {
    var end = text.count
    if end > 0, text[end - 1] == UInt8(ascii: "\n") {
      end -= 1
      if end > 0, text[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    }
    return UnsafeRawBufferPointer(rebasing: text[..<end])
  }

  private static func isWhitespace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (9...13).contains(byte)
  }

  /// Looks only at the letters, so that `CHANGE-ME` and `change_me` are found too.
  private static func isPlaceholder(_ text: UnsafeRawBufferPointer) -> Bool {
    let letters = text.prefix(searchedBytesMax).map { $0 | 0x20 }.filter {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
    }
    let word = String(decoding: letters, as: UTF8.self)
    return placeholders.contains { word.contains($0) }
  }
}
