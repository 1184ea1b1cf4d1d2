import Encodings

/// A block of addresses in CIDR notation (RFC 4632), e.g. `10.0.0.0/8`.
package struct AddressBlock: Sendable, Hashable {
  package let base: IPAddress
  package let prefixBits: Int

  /// Reads `address/bits`, or an address alone for a block of one. Bits of the address beyond the
  /// prefix must be zero, because otherwise one of the two is a typing mistake.
  package init?(_ text: String) {
    let parts = text.utf8.split(
      separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let base = IPAddress(Substring(first)) else { return nil }
    self.base = base
    guard parts.count == 2 else {
      prefixBits = base.width
      return
    }
    guard !parts[1].isEmpty, parts[1].allSatisfy(\.isASCIIDigit),
      let bits = Int(Substring(parts[1])), bits <= base.width,
      base.network(prefixBits: bits) == base
    else { return nil }
    prefixBits = bits
  }

  /// Never true for an address of the other family.
  package func contains(_ address: IPAddress) -> Bool {
    address.network(prefixBits: prefixBits) == base
  }
}
