/// The host of an endpoint: a DNS name or an address, each in one spelling.
package enum EndpointHost: Sendable, Hashable, CustomStringConvertible {
  /// Lower case, without a final dot.
  case name(String)
  /// Four bytes in network order.
  case ipv4([UInt8])
  /// Sixteen bytes in network order.
  case ipv6([UInt8])

  /// Bytes of a DNS name and of one of its labels (RFC 1035, 2.3.4).
  static let nameBytesMax = 253
  static let labelBytesMax = 63

  init(_ text: Substring) throws(EndpointURLError) {
    guard text.utf8.allSatisfy({ $0 < 0x80 }) else { throw .internationalHost }
    if text.first == "[" {
      guard let bytes = IPv6Text.parse(text.dropFirst().dropLast()) else { throw .invalidHost }
      self = .ipv6(bytes)
      return
    }
    let name = text.lowercased()
    let labels = (name.hasSuffix(".") ? name.dropLast() : name[...])
      .split(separator: ".", omittingEmptySubsequences: false)
    guard let last = labels.last, !(labels.count == 1 && last.isEmpty) else { throw .missingHost }
    // inet_aton reads 2130706433, 0x7f.1 and 017700000001 as addresses; we read one form only.
    if Self.isNumeric(last) {
      guard let bytes = Self.dottedQuad(labels) else { throw .ambiguousAddress }
      self = .ipv4(bytes)
      return
    }
    guard labels.joined(separator: ".").utf8.count <= Self.nameBytesMax,
      labels.allSatisfy(Self.isLabel)
    else { throw .invalidHost }
    self = .name(labels.joined(separator: "."))
  }

  /// As in a URL: an IPv6 address in brackets (RFC 5952).
  package var description: String {
    switch self {
    case .name(let name): name
    case .ipv4(let bytes): bytes.map { String($0) }.joined(separator: ".")
    case .ipv6(let bytes): "[" + IPv6Text.format(bytes) + "]"
    }
  }

  /// True for `localhost`, names below it, 127.0.0.0/8 and ::1, without asking DNS.
  package var isLoopback: Bool {
    switch self {
    case .name(let name): name == "localhost" || name.hasSuffix(".localhost")
    case .ipv4(let bytes): bytes.first == 127
    case .ipv6(let bytes): bytes == [UInt8](repeating: 0, count: 15) + [1]
    }
  }

  private static func isNumeric(_ label: Substring) -> Bool {
    !label.isEmpty
      && (label.utf8.allSatisfy { (0x30...0x39).contains($0) }
        || (label.hasPrefix("0x")
          && label.dropFirst(2).utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
          }))
  }

  static func dottedQuad(_ labels: [Substring]) -> [UInt8]? {
    guard labels.count == 4 else { return nil }
    let bytes = labels.compactMap { label -> UInt8? in
      guard !label.isEmpty, label.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        label.utf8.count == 1 || label.first != "0"
      else { return nil }
      return UInt8(label)
    }
    return bytes.count == 4 ? bytes : nil
  }

  /// Letters, digits, hyphens inside, and the underscore that container names use.
  private static func isLabel(_ label: Substring) -> Bool {
    !label.isEmpty && label.utf8.count <= labelBytesMax
      && label.first != "-" && label.last != "-"
      && label.utf8.allSatisfy {
        (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f
      }
  }
}
