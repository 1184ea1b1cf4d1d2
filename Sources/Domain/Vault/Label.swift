/// What a person calls one of several keys for the same provider.
package struct Label: Sendable, Hashable {
  package static let charactersMax = 64
  /// The label of a configuration that was given none.
  package static let `default` = Label(stored: "default")

  package let text: String

  /// Takes 1 to 64 characters of `a-z 0-9 . _ -`; empty text means `default`.
  package init(_ text: String) throws(VaultError) {
    guard !text.isEmpty else {
      self = .default
      return
    }
    guard text.utf8.count <= Label.charactersMax, text.utf8.allSatisfy(Label.isAllowed) else {
      throw .invalid(
        .label,
        reason: "must be 1 to \(Label.charactersMax) characters of a-z, 0-9, '.', '_' and '-'")
    }
    self.text = text
  }

  /// Takes what the database holds, so that an odd row never breaks a list.
  package init(stored text: String) { self.text = text }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
