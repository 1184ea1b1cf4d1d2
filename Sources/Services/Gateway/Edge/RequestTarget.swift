import Encodings

/// The path and query of a request (RFC 9112, 3.2), checked and split once.
package struct RequestTarget: Sendable, Hashable {
  /// Longer targets are answered with 414.
  package static let bytesMax = 8_192

  /// Why a target is refused.
  package enum Failure: Error, Hashable {
    case tooLong
    /// Not origin-form or absolute-form, a bad escape or a control character in the path, or a
    /// segment that means another place (`.` or `..`, encoded or not).
    case malformed
  }

  /// As sent, without the query.
  package let path: Substring
  /// As sent, without the question mark; nil where there is none. Its escapes are for whoever reads
  /// it: what is only passed on needs none.
  package let query: Substring?
  /// As sent, between slashes; `/` has one empty segment.
  package let segments: [Substring]

  /// Path and query, as sent.
  package var text: String { query.map { "\(path)?\($0)" } ?? String(path) }

  package init(_ text: String) throws(Failure) {
    guard text.utf8.count <= Self.bytesMax else { throw .tooLong }
    var rest = text[...]
    let lowercased = text.lowercasedASCII()
    if let scheme = ["http://", "https://"].first(where: { lowercased.beginsWithBytes(of: $0) }) {
      let authority = Substring(text.utf8.dropFirst(scheme.utf8.count))
      rest = authority.utf8.firstIndex(of: UInt8(ascii: "/")).map { authority[$0...] } ?? "/"
    }
    guard rest.utf8.first == UInt8(ascii: "/"), rest.utf8.allSatisfy(Self.isVisible) else {
      throw .malformed
    }
    if let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) {
      path = rest[..<mark]
      query = rest[rest.utf8.index(after: mark)...]
    } else {
      path = rest
      query = nil
    }
    guard !path.utf8.contains(where: Self.keptOutOfPaths.contains) else { throw .malformed }
    segments = path.dropFirst().split(atByte: "/", omittingEmpty: false)
    for segment in segments {
      guard segment.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: ".") })
      else { continue }
      guard let decoded = PercentCoding.decodeBytes(segment),
        !decoded.contains(where: Self.isControl),
        !Self.climbs(decoded)
      else { throw .malformed }
    }
  }

  /// Whether a reader who decodes before splitting would go to another place.
  private static func climbs(_ segment: [UInt8]) -> Bool {
    segment.split { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
      .contains { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }
  }

  /// The query's parameters, decoded, in order; nil when an escape is bad.
  package var parameters: [(name: String, value: String)]? {
    guard let query, !query.isEmpty else { return [] }
    var parameters: [(name: String, value: String)] = []
    for pair in query.split(atByte: "&") {
      let parts = pair.split(atByte: "=", maxSplits: 1, omittingEmpty: false)
      guard let name = PercentCoding.decode(parts[0], plusIsSpace: true),
        let value = PercentCoding.decode(parts.count == 2 ? parts[1] : "", plusIsSpace: true)
      else { return nil }
      parameters.append((name, value))
    }
    return parameters
  }

  /// Two readers could take a path with one of these for different ones.
  private static let keptOutOfPaths: Set<UInt8> = Set("\"<>\\".utf8)

  /// Visible ASCII that isn't the mark of a fragment. More than RFC 3986 allows: SDKs and curl send
  /// `{ } | ^` as they are.
  private static func isVisible(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#")
  }

  private static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }
}
