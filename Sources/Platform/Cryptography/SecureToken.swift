import Encodings

/// A bearer token: a prefix that names its kind, then 32 random bytes as base64url (RFC 4648, 5).
///
/// The text is shown to its owner once; storage keeps only `storageHash`.
package struct SecureToken: Sendable {
  package static let randomBytes = 32
  /// Digits behind the prefix.
  static let digitCount = Base64.encodedCount(ofBytes: randomBytes)
  /// How many of the digits `hint` shows: 36 of 256 random bits.
  static let hintDigitCount = 6

  /// The kind, for example `chat_`; not secret.
  package let prefix: String

  /// The whole token as ASCII, prefix included.
  package let text: SecretBytes

  /// The prefix and the first digits, safe to store and to show in lists.
  package var hint: String {
    text.withUnsafeBytes {
      String(decoding: $0.prefix(prefix.utf8.count + Self.hintDigitCount), as: UTF8.self)
    }
  }

  /// SHA-256 of the whole text, the only form to store. One round suffices, because 256 random
  /// bits cannot be guessed.
  package var storageHash: [UInt8] { SHA256Digest.hash(text) }

  /// Creates a token; throws `.randomnessUnavailable`.
  package static func generate(prefix: String) throws(CryptographyError) -> SecureToken {
    let random = try SecretBytes.random(count: randomBytes)
    let prefixBytes = Array(prefix.utf8)
    let text = SecretBytes(count: prefixBytes.count + digitCount) { buffer in
      buffer.copyBytes(from: prefixBytes)
      let digits = UnsafeMutableRawBufferPointer(rebasing: buffer[prefixBytes.count...])
      random.withUnsafeBytes { Base64.url.encode($0, into: digits) }
    }
    return SecureToken(prefix: prefix, text: text)
  }

  /// Takes untrusted text; nil unless it is `prefix` and 43 digits that spell 32 bytes.
  package init?(_ text: some StringProtocol, prefix: String) {
    // Lengths first, so that an endless header costs nothing.
    guard text.utf8.count == prefix.utf8.count + Self.digitCount else { return nil }
    self.init(SecretBytes(utf8: String(text)), prefix: prefix)
  }

  /// Takes untrusted bytes; nil unless they are `prefix` and 43 digits that spell 32 bytes.
  package init?(_ text: SecretBytes, prefix: String) {
    let prefixBytes = Array(prefix.utf8)
    guard text.count == prefixBytes.count + Self.digitCount else { return nil }
    let isWellFormed = text.withUnsafeBytes { text in
      guard text.prefix(prefixBytes.count).elementsEqual(prefixBytes) else { return false }
      let digits = UnsafeRawBufferPointer(rebasing: text[prefixBytes.count...])
      var isDecoded = false
      // Decoded into memory that is wiped, only to see whether it can be.
      _ = SecretBytes(count: Self.randomBytes) {
        isDecoded = Base64.url.decode(digits, into: $0)
      }
      return isDecoded
    }
    guard isWellFormed else { return nil }
    self.init(prefix: prefix, text: text)
  }

  /// `text` with whatever may be a token of some kind cut down to its prefix, e.g. `chat_…`.
  package static func masked(in text: String) -> String {
    guard text.utf8.count > digitCount else { return text }
    var masked: [UInt8] = []
    var word: [UInt8] = []
    func endWord() {
      let end = word.dropLast(digitCount).firstIndex(of: UInt8(ascii: "_"))
      masked += end.map { word[...$0] + Array("…".utf8) } ?? word[...]
      word = []
    }
    for byte in text.utf8 {
      if Base64.url.isDigit(byte) {
        word.append(byte)
      } else {
        endWord()
        masked.append(byte)
      }
    }
    endWord()
    return String(decoding: masked, as: UTF8.self)
  }

  private init(prefix: String, text: SecretBytes) {
    self.prefix = prefix
    self.text = text
  }
}

extension SecureToken: CustomStringConvertible {
  package var description: String { "\(prefix)<redacted>" }
}
