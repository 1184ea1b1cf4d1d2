import Encodings

/// A host name or IP address and a port, as a setting gives them.
package struct NetworkAddress: Sendable, Hashable {
  /// A name, an IPv4 address, or an IPv6 address without its brackets.
  package let host: String
  package let port: Int

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Reads `host:port` or `[ipv6]:port`; nil for anything else.
  package init?(_ text: String) {
    let bytes = text.utf8
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")),
      let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var host = bytes[..<colon]
    let isIPv6 = host.contains(UInt8(ascii: ":"))
    if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") {
      guard isIPv6 else { return nil }
      host = host.dropFirst().dropLast()
    } else if isIPv6 {
      return nil
    }
    guard !host.isEmpty, host.allSatisfy(Self.isAllowed) else { return nil }
    self.init(host: String(Substring(host)), port: Int(port))
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    byte.isASCIILetter || byte.isASCIIDigit || ".-_:%".utf8.contains(byte)
  }
}

extension NetworkAddress: CustomStringConvertible {
  package var description: String {
    host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
