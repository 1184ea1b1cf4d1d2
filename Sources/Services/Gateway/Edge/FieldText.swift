/// Text of header fields, forms and addresses, taken apart byte by byte.
///
/// Swift's `split`, `contains` and `hasPrefix` work on `Character`s. A comma with a combining mark
/// behind it is another `Character`, so they would overlook a separator that all others see.
extension StringProtocol where SubSequence == Substring {
  /// Splits at each byte that is `separator`, an ASCII character.
  package func split(
    atByte separator: Unicode.Scalar, maxSplits: Int = .max, omittingEmpty: Bool = true
  ) -> [Substring] {
    let byte = UInt8(ascii: separator)
    return self[...].utf8
      .split(separator: byte, maxSplits: maxSplits, omittingEmptySubsequences: omittingEmpty)
      .map { Substring($0) }
  }

  package func beginsWithBytes(of prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

  package func endsWithBytes(of suffix: String) -> Bool {
    utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }

  /// Unlike `==`, which takes canonically equivalent texts for the same.
  package func hasBytes(of other: some StringProtocol) -> Bool { utf8.elementsEqual(other.utf8) }

  package func containsByte(_ character: Unicode.Scalar) -> Bool {
    utf8.contains(UInt8(ascii: character))
  }

  /// With small letters for A to Z, and nothing else changed.
  package func lowercasedASCII() -> String {
    let capitals = UInt8(ascii: "A")...UInt8(ascii: "Z")
    return String(decoding: utf8.map { capitals.contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }

  /// Without spaces and tabs at either end.
  package func trimmingBlanks() -> String {
    let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    let text = self[...].utf8.drop(while: isBlank)
    guard let last = text.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(Substring(text[...last]))
  }
}

/// The same for the types that are asked most, without what generic code costs across modules.
extension Substring {
  package func beginsWithBytes(of prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }
}

extension String {
  package func beginsWithBytes(of prefix: String) -> Bool {
    utf8.count >= prefix.utf8.count && utf8.starts(with: prefix.utf8)
  }

  package func hasBytes(of other: String) -> Bool {
    utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
  }
}

/// Looks for several words in a text at once, byte by byte: each place costs one look-up.
package struct TextSearch: Sendable {
  private let wordsByFirstByte: [[[UInt8]]]

  /// - Parameter words: none is empty.
  package init(_ words: [String]) {
    var byFirstByte = [[[UInt8]]](repeating: [], count: 256)
    for word in words.map({ Array($0.utf8) }) {
      if let first = word.first { byFirstByte[Int(first)].append(word) }
    }
    wordsByFirstByte = byFirstByte
  }

  /// Whether `text` has one of the words in it.
  package func finds(in text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      bytes.indices.contains { start in
        wordsByFirstByte[Int(bytes[start])].contains { word in
          bytes[start...].starts(with: word)
        }
      }
    }
  }
}
