package import Cryptography

/// A provider's key as its owner typed it, held in locked memory.
package struct APIKey: Sendable {
  package static let bytesMax = 8_192

  /// Empty where the provider needs no key and none was given.
  package let bytes: SecretBytes

  /// The absence of a key, for providers that need none.
  static var none: APIKey { APIKey(bytes: SecretBytes(utf8: "")) }

  init(bytes: SecretBytes) { self.bytes = bytes }

  /// Takes 1 to 8192 bytes of visible ASCII.
  ///
  /// White space around a key is refused rather than trimmed: it shows that something else went
  /// wrong while copying, and a key that works here must be the one that was pasted.
  package init(_ text: String) throws(VaultError) {
    guard !text.isEmpty else { throw .invalid(.apiKey, reason: "is missing") }
    guard text.utf8.count <= APIKey.bytesMax else {
      throw .invalid(.apiKey, reason: "is longer than \(APIKey.bytesMax) bytes")
    }
    for byte in [text.utf8.first, text.utf8.last] {
      guard let byte, !APIKey.whitespace.contains(byte) else {
        throw .invalid(.apiKey, reason: "begins or ends with white space")
      }
    }
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .invalid(
        .apiKey, reason: "holds a character other than visible ASCII, such as a space")
    }
    bytes = SecretBytes(utf8: text)
  }

  private static let whitespace: [UInt8] = [0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D]
}

/// What may be shown of a key: enough to tell two keys apart, too little to use or guess one.
///
/// Computed once, when the key is stored, so that showing it later opens nothing.
package struct MaskedKey: Sendable, Hashable {
  /// Shorter keys show nothing at all.
  package static let visibleKeyBytesMin = 16
  /// How many of the last characters are shown.
  package static let tailCharacters = 4
  /// Shown in place of a key too short to show any of, and of its length.
  static let bullets = "••••••••"

  /// Of a configuration that has no key.
  static let none = MaskedKey(stored: "")

  package let text: String

  /// What the masks of all keys with the same end have in common, under whichever provider.
  package var tail: String { String(text.suffix(Self.tailCharacters)) }

  /// Takes a hint that was computed before.
  package init(stored text: String) { self.text = text }

  /// Shows one of `publicPrefixes`, if the key begins with it, and the last four characters.
  ///
  /// Every key of a provider begins with such a prefix, e.g. `sk-`, so showing it reveals nothing.
  /// The characters that are the key's own are never more than a quarter of it.
  init(key: some Collection<UInt8>, publicPrefixes: [String]) {
    guard key.count >= MaskedKey.visibleKeyBytesMin else {
      text = MaskedKey.bullets
      return
    }
    let prefix =
      publicPrefixes
      .filter { key.starts(with: $0.utf8) }
      .max { $0.utf8.count < $1.utf8.count } ?? ""
    let ownCount = key.count - prefix.utf8.count
    guard ownCount >= MaskedKey.visibleKeyBytesMin else {
      text = prefix + MaskedKey.bullets
      return
    }
    text = prefix + "…" + String(decoding: key.suffix(MaskedKey.tailCharacters), as: UTF8.self)
  }
}
