/// Which actions a reader asks for.
package enum ActionFilter: Sendable, Hashable {
  case exactly(String)
  /// Every action that begins with this text, which ends in a dot.
  case startingWith(String)

  static let rule =
    "must be 1 to \(AuditEvent.actionBytesMax) characters of a-z, 0-9, '-' and '.'"

  /// Reads an action, or a prefix followed by `.*`; empty text means any action.
  package static func parse(_ text: String) throws(AuditError) -> ActionFilter? {
    guard !text.isEmpty else { return nil }
    let isPrefix = text.hasSuffix(".*")
    let action = isPrefix ? String(text.dropLast(2)) : text
    guard isAction(action) else {
      throw .invalid(.action, reason: "\(rule), or such a prefix followed by '.*'")
    }
    return isPrefix ? .startingWith(action + ".") : .exactly(action)
  }

  /// Whether `text` could be an action: lower-case words, joined by dots.
  static func isAction(_ text: String) -> Bool {
    (1...AuditEvent.actionBytesMax).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "-"), UInt8(ascii: "."):
          true
        default: false
        }
      }
  }

  func admits(_ action: String) -> Bool {
    switch self {
    case .exactly(let wanted): action == wanted
    case .startingWith(let prefix): action.hasPrefix(prefix)
    }
  }
}
