import Cryptography
import Providers

/// What can be seen of a key without knowing whether it works.
enum KeyShape {
  /// The texts that example files put in place of a key; storing one would hide that it is missing.
  static func isPlaceholder(_ key: SecretBytes) -> Bool {
    key.withUTF8String { text in
      let text = text.lowercased()
      if text.hasPrefix("<"), text.hasSuffix(">") { return true }
      if text.hasSuffix("...") || text.hasSuffix("…") { return true }
      let words = text.split { "-_ ".contains($0) }
      let isYours = words.contains("your") && !words.allSatisfy { $0 == "your" }
      let isNothing = ["changeme", "none", "null", "todo", "placeholder"].contains(text)
      // "sk-xxxxxxxx": nothing but the prefix and a run of x.
      let isMask = text.suffix(8) == "xxxxxxxx"
      return isYours || isNothing || isMask
    }
  }

  /// A hint when the key does not begin as the provider's keys do.
  static func warning(_ key: SecretBytes, for provider: Provider) -> String? {
    key.withUTF8String { provider.recognises(key: $0) }
      ? nil : "does not look like a key of \(provider.displayName)"
  }
}
