package import Cryptography
import Edge
import Encodings
package import HTTPTypes
import Identity
package import Providers

/// The access token that a request was sent with, and how it is told where it must not be.
package struct ProxyToken: Sendable {
  /// Longer words are no tokens of ours.
  package static let bytesMax = 512
  /// Base64url digits behind the prefix of a token that is as it was made.
  private static let digitCount = Base64.encodedCount(ofBytes: SecureToken.randomBytes)
  /// How often escapes are undone: a provider undoes them once, what lies behind it perhaps again.
  private static let unescapingsMax = 2

  package let secret: SecretBytes
  /// When the grant ends that it came in; nil for one that came itself.
  package let grantEnd: ContinuousClock.Instant?

  /// Nil unless the word begins as every access token does.
  package init?(_ word: Substring) {
    guard Self.isCandidate(word) else { return nil }
    self.init(SecretBytes(utf8: String(word)))
  }

  /// Takes what was such a word before it was sealed.
  init(_ secret: SecretBytes, grantEnd: ContinuousClock.Instant? = nil) {
    (self.secret, self.grantEnd) = (secret, grantEnd)
  }

  static func isCandidate(_ word: Substring) -> Bool {
    word.beginsWithBytes(of: AccessTokenText.prefix) && word.utf8.count <= bytesMax
  }

  /// Whether a word is spelled as tokens are made; other words may begin with the prefix too.
  static func isWellFormed(_ word: Substring) -> Bool {
    isCandidate(word) && word.utf8.count == AccessTokenText.prefix.utf8.count + digitCount
      && word.utf8.dropFirst(AccessTokenText.prefix.utf8.count).allSatisfy(Base64.url.isDigit)
  }

  // MARK: Where it must not be

  /// Whether `text` has this token in it, or another one of ours: as it is, escaped, or in base64.
  package func isHeld(in text: some StringProtocol) -> Bool {
    let shortest = min(secret.count, AccessTokenText.prefix.utf8.count + Self.digitCount)
    guard text.utf8.count >= shortest else { return false }
    var bytes = Array(text.utf8)
    if isHeld(in: bytes) { return true }
    for _ in 0..<Self.unescapingsMax where bytes.contains(UInt8(ascii: "%")) {
      bytes = Array(bytes.withUnsafeBytes { PercentCoding.decodeLeniently($0) }.utf8)
      if isHeld(in: bytes) { return true }
    }
    return bytes.split { !Base64.either.isDigit($0) }.contains { piece in
      guard Base64.decodedCount(ofDigits: piece.count) >= shortest else { return false }
      return piece.withUnsafeBytes { Base64.either.decode($0) }.map { isHeld(in: $0) } ?? false
    }
  }

  private func isHeld(in bytes: [UInt8]) -> Bool {
    let prefix = Array(AccessTokenText.prefix.utf8)
    var rest = bytes[...]
    while let start = rest.firstIndex(of: prefix[0]) {
      rest = rest[start...]
      if rest.starts(with: prefix) {
        if secret.withUnsafeBytes({ rest.starts(with: $0) }) { return true }
        let word = rest.prefix { Base64.url.isDigit($0) }
        if Self.isWellFormed(String(decoding: word, as: UTF8.self)[...]) { return true }
      }
      rest = rest.dropFirst()
    }
    return false
  }
}

/// The fields in which SDKs put the key that they were given, which here is an access token.
package struct CredentialFields: Sendable {
  /// Those that are known, in the order in which they are looked at.
  package let names: [HTTPField.Name]
  private let canonicalNames: Set<String>

  package init(catalogue: ProviderCatalogue) {
    let names =
      ["authorization", "x-api-key", "api-key", "x-goog-api-key"]
      + catalogue.authenticationHeaderNames.sorted()
    var seen: Set<String> = []
    self.names = names.filter { seen.insert($0).inserted }.compactMap { HTTPField.Name($0) }
    canonicalNames = seen
  }

  /// Whether a field is a credential by its name alone.
  package func contains(_ canonicalName: String) -> Bool { canonicalNames.contains(canonicalName) }

  /// The access token, whatever other credentials stand beside it; nil when no field has one.
  ///
  /// Any field may have it, after any scheme (`Bearer`, `Token`, `Key`, `Basic`), or in a list: a
  /// WebSocket from a browser can only bring it as `openai-insecure-api-key.<token>`.
  package func token(in headers: HTTPFields) -> ProxyToken? {
    var fallback: Substring?
    func best(of value: String) -> Substring? {
      for word in Self.words(of: value) where ProxyToken.isCandidate(word) {
        if ProxyToken.isWellFormed(word) { return word }
        fallback = fallback ?? word
      }
      return nil
    }
    for name in names {
      for value in headers[values: name] {
        if let word = best(of: value) { return ProxyToken(word) }
      }
    }
    for field in headers where !contains(field.name.canonicalName) {
      guard !ProxyHeaders.isPrivate(field.name.canonicalName), field.name != .userAgent else {
        continue
      }
      if let word = best(of: field.value) { return ProxyToken(word) }
    }
    return fallback.flatMap { ProxyToken($0) }
  }

  /// The runs of characters that tokens are made of; of Basic (RFC 7617), what is encoded.
  private static func words(of value: String) -> [Substring] {
    var words = runs(of: value)
    let parts = value.split(atByte: " ", maxSplits: 1)
    if parts.count == 2, parts[0].lowercasedASCII().hasBytes(of: "basic"),
      let pair = Base64.either.decode(parts[1].trimmingBlanks(), padding: .optional)
    {
      words += runs(of: String(decoding: pair, as: UTF8.self))
    }
    return words
  }

  private static func runs(of text: String) -> [Substring] {
    text[...].utf8.split { !Base64.url.isDigit($0) }.map { Substring($0) }
  }
}
