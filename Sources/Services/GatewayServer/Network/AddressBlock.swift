/// A block of addresses in CIDR notation (RFC 4632), e.g. `10.0.0.0/8`.
struct AddressBlock: Sendable, Hashable {
  let base: IPAddress
  let prefixBits: Int

  /// Reads `address/bits`, or an address alone for a block of one. Bits of the address beyond the
  /// prefix must be zero, because otherwise one of the two is a typing mistake.
  init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let base = IPAddress(String(parts[0])) else { return nil }
    let width = base.bytes.count * 8
    guard parts.count == 2 else {
      self.init(base: base, prefixBits: width)
      return
    }
    guard !parts[1].isEmpty, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let bits = Int(parts[1]), bits <= width
    else { return nil }
    self.init(base: base, prefixBits: bits)
    guard Self.masked(base.bytes, bits) == base.bytes else { return nil }
  }

  private init(base: IPAddress, prefixBits: Int) {
    self.base = base
    self.prefixBits = prefixBits
  }

  /// Never true for an address of the other family.
  func contains(_ address: IPAddress) -> Bool {
    address.bytes.count == base.bytes.count
      && Self.masked(address.bytes, prefixBits) == base.bytes
  }

  private static func masked(_ bytes: [UInt8], _ bits: Int) -> [UInt8] {
    bytes.enumerated().map { index, byte in
      let kept = min(max(bits - index * 8, 0), 8)
      return byte & UInt8(truncatingIfNeeded: 0xFF00 >> kept)
    }
  }
}
