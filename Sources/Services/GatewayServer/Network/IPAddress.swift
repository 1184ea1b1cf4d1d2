internal import Glibc

/// An IPv4 or IPv6 address as the bytes that go over the wire.
struct IPAddress: Sendable, Hashable {
  /// 4 or 16 bytes in network order.
  let bytes: [UInt8]

  /// Takes 4 or 16 bytes; nil for any other number.
  init?(bytes: [UInt8]) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    self.bytes = bytes
  }

  /// Reads the usual text forms; no zones, no shortened or octal IPv4.
  init?(_ text: String) {
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 {
      self.bytes = Array(bytes[..<4])
    } else if inet_pton(AF_INET6, text, &bytes) == 1 {
      self.bytes = bytes
    } else {
      return nil
    }
  }

  var isIPv4: Bool { bytes.count == 4 }

  /// An IPv4-mapped address (RFC 4291, 2.5.5.2) as the IPv4 address that it stands for: how a
  /// dual-stack socket shows its IPv4 peers.
  var unmapped: IPAddress {
    let prefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
    guard !isIPv4, bytes.starts(with: prefix) else { return self }
    return IPAddress(bytes: Array(bytes[12...])) ?? self
  }
}

extension IPAddress: CustomStringConvertible {
  /// E.g. `192.0.2.1` or `2001:db8::1`, without brackets.
  var description: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let family = isIPv4 ? AF_INET : AF_INET6
    guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
