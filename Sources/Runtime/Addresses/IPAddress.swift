import Encodings

/// An IPv4 or IPv6 address, without a port or a zone.
package struct IPAddress: Sendable, Hashable {
  package let isIPv4: Bool
  /// The address as a number; an IPv4 address fills the low 32 bits.
  private let number: UInt128

  private init(_ number: UInt128, isIPv4: Bool) {
    self.number = number
    self.isIPv4 = isIPv4
  }

  /// Takes 4 or 16 bytes in network order; nil for any other number of them.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    self.init(bytes.reduce(0) { $0 << 8 | UInt128($1) }, isIPv4: bytes.count == 4)
  }

  /// 4 or 16 bytes in network order.
  package var bytes: [UInt8] {
    stride(from: width - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
  }

  /// 32 or 128 bits.
  package var width: Int { isIPv4 ? 32 : 128 }

  /// The IPv4 address that an IPv4-mapped one (RFC 4291, 2.5.5.2) stands for, which is how a socket
  /// for both shows its IPv4 peers; any other address as it is.
  package var unmapped: IPAddress {
    guard !isIPv4, number >> 32 == 0xFFFF else { return self }
    return IPAddress(number & 0xFFFF_FFFF, isIPv4: true)
  }

  /// Whether it is this machine's own: 127.0.0.0/8 (RFC 1122, 3.2.1.3) or ::1 (RFC 4291, 2.5.3).
  package var isLoopback: Bool {
    let address = unmapped
    return address.isIPv4 ? address.number >> 24 == 127 : address.number == 1
  }

  /// The address with only its first `prefixBits` bits, at most `width`; the rest is zero.
  package func network(prefixBits: Int) -> IPAddress {
    let hostBits = width - Swift.min(Swift.max(0, prefixBits), width)
    // Shifting by the whole width gives zero.
    return IPAddress((number >> hostBits) << hostBits, isIPv4: isIPv4)
  }
}

// MARK: Text

extension IPAddress {
  /// Four decimal numbers without leading zeros, or any form of RFC 4291, 2.2; nil for all else:
  /// zones, brackets, and the shortened, octal or hexadecimal IPv4 of `inet_aton`.
  package init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    if let quad = Self.dottedQuad(bytes[...]) {
      self.init(quad, isIPv4: true)
    } else if let groups = Self.groups(bytes) {
      self.init(groups.reduce(0) { $0 << 16 | UInt128($1) }, isIPv4: false)
    } else {
      return nil
    }
  }

  private static func dottedQuad(_ text: ArraySlice<UInt8>) -> UInt128? {
    let labels = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard labels.count == 4 else { return nil }
    var number: UInt128 = 0
    for label in labels {
      guard (1...3).contains(label.count), label.allSatisfy(\.isASCIIDigit),
        label.count == 1 || label.first != UInt8(ascii: "0")
      else { return nil }
      let value = label.reduce(0) { $0 * 10 + UInt128($1 - UInt8(ascii: "0")) }
      guard value <= 255 else { return nil }
      number = number << 8 | value
    }
    return number
  }

  /// The eight groups of an IPv6 address.
  private static func groups(_ text: [UInt8]) -> [UInt16]? {
    let colon = UInt8(ascii: ":")
    guard
      let gap = text.indices.dropLast().first(where: {
        text[$0] == colon && text[$0 + 1] == colon
      })
    else {
      return groups(text[...], mayEndInIPv4: true).flatMap { $0.count == 8 ? $0 : nil }
    }
    // A second gap leaves an empty group on one of the sides.
    guard let head = groups(text[..<gap], mayEndInIPv4: false),
      let tail = groups(text[(gap + 2)...], mayEndInIPv4: true),
      // "::" stands for at least one group of zeros.
      head.count + tail.count <= 7
    else { return nil }
    return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
  }

  private static func groups(_ text: ArraySlice<UInt8>, mayEndInIPv4: Bool) -> [UInt16]? {
    guard !text.isEmpty else { return [] }
    var groups: [UInt16] = []
    let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    for (position, part) in parts.enumerated() {
      if mayEndInIPv4, position == parts.count - 1, let quad = dottedQuad(part) {
        groups.append(UInt16(truncatingIfNeeded: quad >> 16))
        groups.append(UInt16(truncatingIfNeeded: quad))
        continue
      }
      guard (1...4).contains(part.count) else { return nil }
      var group: UInt16 = 0
      for byte in part {
        guard let digit = Hex.value(of: byte) else { return nil }
        group = group << 4 | UInt16(digit)
      }
      groups.append(group)
    }
    return groups.count <= 8 ? groups : nil
  }
}

extension IPAddress: CustomStringConvertible {
  /// The canonical text (RFC 5952, 4), e.g. `192.0.2.1` or `2001:db8::1`.
  ///
  /// Without brackets. An IPv4-mapped address is written in groups too, as in URLs.
  package var description: String {
    guard !isIPv4 else { return bytes.map(String.init).joined(separator: ".") }
    let groups = stride(from: 112, through: 0, by: -16).map {
      UInt16(truncatingIfNeeded: number >> $0)
    }
    let text = groups.map { String($0, radix: 16) }
    guard let zeros = Self.longestZeroRun(groups) else { return text.joined(separator: ":") }
    return text[..<zeros.lowerBound].joined(separator: ":") + "::"
      + text[zeros.upperBound...].joined(separator: ":")
  }

  /// The first longest run of two or more zero groups (RFC 5952, 4.2).
  private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int>? {
    var best: Range<Int>?
    var start = 0
    while start < groups.count {
      var end = start
      while end < groups.count, groups[end] == 0 { end += 1 }
      if end - start >= 2, end - start > (best?.count ?? 0) { best = start..<end }
      start = max(end, start + 1)
    }
    return best
  }
}

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
