package import FoundationEssentials

/// Which configurations a list shows; nothing set shows all.
package struct ConfigFilter: Sendable, Hashable {
  package enum State: String, Sendable, Hashable, CaseIterable {
    /// May be used.
    case usable
    case disabled
    case quarantined
    case expired
  }

  package static let wordsBytesMax = 100

  /// An id of the provider catalogue; empty for all.
  package let provider: String
  /// Empty for all.
  package let tag: String
  /// What label, note or the shown part of the key must hold, in any case; empty for all.
  package let words: String
  package let state: State?
  package let expireBefore: Date?
  /// The moment by which a key is expired or not.
  package internal(set) var time = Date.distantPast

  package init() { (provider, tag, words, state, expireBefore) = ("", "", "", nil, nil) }

  /// Throws `.invalid` with the field and its limit.
  package init(
    provider: String, tag: String, words: String, state: State?, expireBefore: Date?
  ) throws(VaultError) {
    guard words.utf8.count <= Self.wordsBytesMax else {
      throw .invalid(.text, reason: "is longer than \(Self.wordsBytesMax) bytes")
    }
    guard provider.utf8.count <= Self.wordsBytesMax else {
      throw .invalid(.provider, reason: "is longer than \(Self.wordsBytesMax) bytes")
    }
    // The database takes no text with a zero in it.
    for (text, field) in [(words, VaultError.Field.text), (tag, .tag), (provider, .provider)]
    where text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      throw .invalid(field, reason: "has a control character in it")
    }
    guard tag.utf8.count <= ConfigNotes.tagCharactersMax else {
      throw .invalid(.tag, reason: "is longer than \(ConfigNotes.tagCharactersMax) characters")
    }
    self.provider = provider
    self.tag = tag
    self.words = words
    self.state = state
    self.expireBefore = expireBefore
  }

  /// Tells filters apart, for tokens of pages; empty when nothing is set.
  var text: String {
    let parts = [
      provider, tag, words, state?.rawValue ?? "",
      expireBefore.map { "\($0.timeIntervalSince1970)" } ?? "",
    ]
    return parts.allSatisfy(\.isEmpty) ? "" : " " + parts.joined(separator: "\u{0}")
  }
}
