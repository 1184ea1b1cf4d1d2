package import Cryptography
import Encodings

/// Why a text is probably not the key that its owner meant to store.
package enum KeyDoubt: Sendable, Hashable {
  /// What example files have in place of a key, e.g. `YOUR_API_KEY`.
  case placeholder
  case tooShort
  /// Quotation marks around it, which belong to the file that it was copied from.
  case quoted
  /// A line of an environment file, `NAME=value`.
  case assignment(name: String)
  /// Says where the key is kept, e.g. in 1Password.
  case reference(to: String)
  /// It begins as the keys of these providers do, by their names.
  case ofOtherProvider([String])

  /// A sentence that follows the name of the field; never repeats the key.
  package var reason: String {
    switch self {
    case .placeholder: "is what examples have in place of a key"
    case .tooShort: "is shorter than any key, which has \(KeyShape.issuedKeyBytesMin) bytes or more"
    case .quoted: "has quotation marks around it, which are no part of the key"
    case .assignment(let name):
      "is a line of an environment file: leave out \(name)= in front of the key"
    case .reference(let place): "says where the key is kept (\(place)), and is not the key itself"
    case .ofOtherProvider(let names):
      "begins as a key of \(names.formatted) does"
    }
  }
}

extension ProviderCatalogue {
  /// What speaks against `key` being one of `provider`'s; nil when nothing does.
  ///
  /// - Parameter hasOwnEndpoint: a key for somebody's own server may be anything at all.
  package func doubt(
    about key: SecretBytes, for provider: Provider, hasOwnEndpoint: Bool
  ) -> KeyDoubt? {
    guard key.count > 0 else { return nil }
    let (assigned, isQuoted) = key.withUTF8String { text in
      (PastedKey.name(assignedIn: text), PastedKey.isQuoted(text))
    }
    if let assigned { return .assignment(name: assigned) }
    if isQuoted { return .quoted }
    switch KeyShape(of: key, for: provider) {
    case .reference(let place): return .reference(to: place)
    case .placeholder(let isSequence) where !isSequence || !hasOwnEndpoint: return .placeholder
    case .noKeyNeeded where !hasOwnEndpoint: return .placeholder
    default: break
    }
    guard !hasOwnEndpoint else { return nil }
    guard key.count >= KeyShape.issuedKeyBytesMin else { return .tooShort }
    let others = providers(ofKey: key)
    guard !others.isEmpty, !others.contains(provider) else { return nil }
    // Without beginnings of its own it may have keys of any; `sk-` alone tells nothing.
    guard provider.keyPrefixes?.isEmpty == false || others.count == 1 else { return nil }
    return .ofOtherProvider(others.map(\.displayName))
  }

  /// The providers whose keys begin as this one does, by the longest beginning; empty when nobody's
  /// do.
  package func providers(ofKey key: SecretBytes) -> [Provider] {
    key.withUTF8String { text in
      var (longest, found): (Int, [Provider]) = (0, [])
      for provider in providers {
        let length = (provider.keyPrefixes ?? []).filter { text.utf8.starts(with: $0.utf8) }
          .map(\.utf8.count).max()
        guard let length, length >= longest else { continue }
        found = length == longest ? found + [provider] : [provider]
        longest = length
      }
      return found
    }
  }
}

/// What somebody pasted where a key is wanted, and the key in it.
package struct PastedKey: Sendable {
  /// What was taken away.
  package enum Cleaning: Sendable, Hashable {
    case blanks
    case quotes
    case name(String)

    /// Says it to whoever pasted it.
    package var notice: String {
      switch self {
      case .blanks: "Blanks around the key were left out."
      case .quotes: "Quotation marks around the key were left out."
      case .name(let name): "\(name)= in front of the key was left out."
      }
    }
  }

  /// Without what was around it.
  package private(set) var key: String
  package private(set) var cleanings: [Cleaning] = []

  package init(_ text: String) {
    key = Self.trimmed(text[...])
    if key.utf8.count < text.utf8.count { cleanings.append(.blanks) }
    if let name = Self.name(assignedIn: key) {
      key = Self.trimmed(key[key.utf8.index(after: Self.separator(in: key))...])
      cleanings.append(.name(name))
    }
    if Self.isQuoted(key) {
      key = Self.trimmed(Substring(key.utf8.dropFirst().dropLast()))
      cleanings.append(.quotes)
    }
  }

  static func isQuoted(_ text: String) -> Bool {
    let bytes = text.utf8
    guard bytes.count > 1, let first = bytes.first else { return false }
    return first == bytes.last && "\"'`".utf8.contains(first)
  }

  /// The variable's name in `NAME=value` or `export NAME=value`; base64 ends with `=`, and has no
  /// value behind it.
  static func name(assignedIn text: String) -> String? {
    let separator = separator(in: text)
    guard separator < text.endIndex, text.utf8.index(after: separator) < text.endIndex else {
      return nil
    }
    var name = trimmed(text[..<separator])[...]
    let export = "export "
    if name.utf8.starts(with: export.utf8) { name = name.dropFirst(export.count) }
    guard let first = name.utf8.first, first.isASCIILetter,
      name.utf8.allSatisfy({ $0.isASCIIUpper || $0.isASCIIDigit || $0 == UInt8(ascii: "_") })
    else { return nil }
    // Upper case with an underscore: no key begins so, and each variable's name does.
    return name.utf8.contains(UInt8(ascii: "_")) ? String(name) : nil
  }

  private static func trimmed(_ text: Substring) -> String {
    var bytes = text.utf8.drop { $0 <= 0x20 }
    while let last = bytes.last, last <= 0x20 { bytes = bytes.dropLast() }
    return String(Substring(bytes))
  }

  private static func separator(in text: String) -> String.Index {
    text.utf8.firstIndex(of: UInt8(ascii: "=")) ?? text.endIndex
  }
}

extension [String] {
  /// `A`, `A or B`, `A, B or C`.
  fileprivate var formatted: String {
    guard let last, count > 1 else { return first ?? "" }
    return dropLast().joined(separator: ", ") + " or " + last
  }
}
