package import Cryptography

/// What can be seen of the value of a key's variable without knowing whether it works.
package enum KeyShape: Equatable {
  case key
  /// What example files and products put in place of a key; `isSequence` where it is nothing but
  /// counted digits or letters, which a server of one's own may really have been given.
  case placeholder(isSequence: Bool)
  /// What people write where a program wants a key and the server wants none.
  case noKeyNeeded
  /// A comment that stands where the value should.
  case comment
  /// Where a key is kept, or what it is called there.
  case reference(to: String)
  /// Several keys, or text that no header carries as one.
  case notOneWord

  /// Bytes of the shortest key that a provider could have issued.
  package static let issuedKeyBytesMin = 8

  /// - Parameter variable: the name that it stood behind; empty where it had none.
  package init(of key: SecretBytes, for provider: Provider, variable: String = "") {
    self = key.withUTF8String { Self.shape(of: $0, for: provider, variable: variable) }
  }

  private static func shape(
    of text: String, for provider: Provider, variable: String
  ) -> KeyShape {
    let lower = text.lowercased()
    if lower.utf8.first == UInt8(ascii: "#"), !lower.utf8.starts(with: "#{".utf8) {
      return .comment
    }
    let words = Placeholder(
      text: lower, provider: provider, variable: variable.lowercased())
    if words.isNoKeyNeeded { return .noKeyNeeded }
    if words.isWrapped || words.isMasked { return .placeholder(isSequence: false) }
    if let place = SecretReference.place(of: text) { return .reference(to: place) }
    if words.isMadeOfWords { return .placeholder(isSequence: words.isSequence) }
    return text.utf8.allSatisfy { (0x21...0x7e).contains($0) } ? .key : .notOneWord
  }

  /// A hint when the key does not begin as the provider's keys do.
  package static func warning(_ key: SecretBytes, for provider: Provider) -> String? {
    key.withUTF8String { provider.recognises(key: $0) }
      ? nil : "does not look like a key of \(provider.displayName)"
  }
}
