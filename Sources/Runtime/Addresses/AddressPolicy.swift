/// Which addresses a service may connect to when somebody else chose the host.
///
/// A user chooses the host of a custom endpoint, a log-in provider those of its documents, so
/// everything that is not a public unicast address
/// is refused: IANA's special-purpose registries (RFC 6890), the transition formats that carry an
/// IPv4 address inside, and the metadata services of clouds.
package enum AddressPolicy {
  /// Why an address is refused; nil when it may be used.
  package static func refusal(of address: IPAddress) -> String? {
    if let embedded = embeddedIPv4(in: address) {
      return refusal(of: embedded).map { "\($0), written as IPv6" }
    }
    if let block = refusedBlocks.first(where: { $0.block.contains(address) }) { return block.kind }
    guard address.isIPv4 || globalUnicast.contains(address) else { return "not a public address" }
    return nil
  }

  /// The IPv4 address that mapped (RFC 4291) and NAT64 (RFC 6052) addresses lead to.
  private static func embeddedIPv4(in address: IPAddress) -> IPAddress? {
    guard carriers.contains(where: { $0.contains(address) }) else { return nil }
    return IPAddress(bytes: Array(address.bytes[12...]))
  }

  private static let carriers = ["::ffff:0:0/96", "64:ff9b::/96"].map(block)

  /// All public IPv6 addresses are in here; loopback, unique local, link-local, multicast,
  /// IPv4-compatible and local NAT64 addresses are not.
  private static let globalUnicast = block("2000::/3")

  private static let refusedBlocks: [(block: AddressBlock, kind: String)] = [
    ("0.0.0.0/8", "an unspecified address"),
    ("10.0.0.0/8", "a private address"),
    ("100.64.0.0/10", "a shared address of a provider's network"),
    ("127.0.0.0/8", "a loopback address"),
    ("168.63.129.16/32", "a cloud's metadata service"),
    ("169.254.0.0/16", "a link-local address"),
    ("172.16.0.0/12", "a private address"),
    ("192.0.0.0/24", "a reserved address"),
    ("192.0.2.0/24", "an address for documentation"),
    ("192.31.196.0/24", "a reserved address"),
    ("192.52.193.0/24", "a reserved address"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "a private address"),
    ("192.175.48.0/24", "a reserved address"),
    ("198.18.0.0/15", "an address for benchmarks"),
    ("198.51.100.0/24", "an address for documentation"),
    ("203.0.113.0/24", "an address for documentation"),
    ("224.0.0.0/4", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
    ("::/128", "an unspecified address"),
    ("::1/128", "a loopback address"),
    ("2001::/23", "a reserved address"),
    ("2001:db8::/32", "an address for documentation"),
    ("2002::/16", "a 6to4 address"),
    ("2620:4f:8000::/48", "a reserved address"),
    ("3fff::/20", "an address for documentation"),
    ("fc00::/7", "a private address"),
    ("fe80::/10", "a link-local address"),
    ("ff00::/8", "a multicast address"),
  ].map { text, kind in (block(text), kind) }

  private static func block(_ text: String) -> AddressBlock {
    guard let block = AddressBlock(text) else {
      // Source text, tested: never a peer's.
      preconditionFailure("malformed address block \(text)")
    }
    return block
  }
}
