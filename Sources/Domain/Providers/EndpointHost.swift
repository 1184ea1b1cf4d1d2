package import Addresses
import Encodings

/// The host of an endpoint: a DNS name or an address, each in one spelling.
package enum EndpointHost: Sendable, Hashable, CustomStringConvertible {
  /// Lower case, without a final dot.
  case name(String)
  case address(IPAddress)

  /// Bytes of a DNS name and of one of its labels (RFC 1035, 2.3.4).
  static let nameBytesMax = 253
  static let labelBytesMax = 63

  init(_ text: Substring) throws(EndpointURLError) {
    guard text.utf8.allSatisfy({ $0 < 0x80 }) else { throw .internationalHost }
    if text.utf8.first == UInt8(ascii: "[") {
      guard let address = IPAddress(text.dropFirst().dropLast()), !address.isIPv4 else {
        throw .invalidHost
      }
      self = .address(address)
      return
    }
    let name = text.lowercased()
    let labels = (name.hasSuffix(".") ? name.dropLast() : name[...])
      .split(separator: ".", omittingEmptySubsequences: false)
    guard let last = labels.last, !(labels.count == 1 && last.isEmpty) else { throw .missingHost }
    // inet_aton reads 2130706433, 0x7f.1 and 017700000001 as addresses; we read one form only.
    if Self.isNumeric(last) {
      guard let address = IPAddress(labels.joined(separator: ".")) else { throw .ambiguousAddress }
      self = .address(address)
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
    case .address(let address): address.isIPv4 ? "\(address)" : "[\(address)]"
    }
  }

  private static func isNumeric(_ label: Substring) -> Bool {
    !label.isEmpty
      && (label.utf8.allSatisfy(\.isASCIIDigit)
        || (label.hasPrefix("0x") && label.dropFirst(2).utf8.allSatisfy(\.isHexDigit)))
  }

  /// Letters, digits, hyphens inside, and the underscore that container names use.
  private static func isLabel(_ label: Substring) -> Bool {
    !label.isEmpty && label.utf8.count <= labelBytesMax
      && label.first != "-" && label.last != "-"
      && label.utf8.allSatisfy {
        $0.isASCIILower || $0.isASCIIDigit || "-_".utf8.contains($0)
      }
  }
}
