/// Base 64 for URLs and file names, without padding (RFC 4648, 5).
package enum Base64URL {
  /// Returns `bytes` as text without `=`.
  package static func encode(_ bytes: [UInt8]) -> String {
    Base64Alphabet.url.encode(bytes)
  }

  /// Returns the bytes, or nil for padding, any foreign character, an impossible length or
  /// left-over bits that are not zero.
  package static func decode(_ text: some StringProtocol) -> [UInt8]? {
    Base64Alphabet.url.decode(text)
  }
}
