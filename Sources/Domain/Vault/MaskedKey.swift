/// What may be shown of a key: enough to tell two keys apart, too little to use or guess one.
///
/// Computed once, when the key is stored, so that showing it later opens nothing.
package struct MaskedKey: Sendable, Hashable {
  /// Shorter keys show nothing at all.
  package static let visibleKeyBytesMin = 16
  /// How many of the last characters are shown.
  static let tailCharacters = 4
  /// Shown in place of a key too short to show any of, and of its length.
  static let bullets = "••••••••"

  /// Of a configuration that has no key.
  static let none = MaskedKey(stored: "")

  package let text: String

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
