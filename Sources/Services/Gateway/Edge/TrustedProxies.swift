package import Addresses

/// The proxies whose word about the client is taken, by address block (TRUSTED_PROXIES).
package struct TrustedProxies: Sendable {
  /// Entries of X-Forwarded-For that are looked at, from the right.
  package static let hopsMax = 16

  private let blocks: [AddressBlock]

  package init(_ blocks: [AddressBlock] = []) {
    self.blocks = blocks
  }

  package func trusts(_ address: IPAddress) -> Bool {
    blocks.contains { $0.contains(address.unmapped) }
  }

  /// Who sent the request: the peer itself, or, as far as trusted proxies vouch for it, the last
  /// entry of `forwardedFor` that is not a trusted proxy.
  ///
  /// Read from the right, because a client can put anything on the left. Bytes that no proxy writes
  /// could make us find other hops than the proxy meant: with one of them nothing is believed.
  package func client(peer: IPAddress, forwardedFor: [String]) -> IPAddress {
    guard trusts(peer) else { return peer.unmapped }
    var client = peer.unmapped
    guard forwardedFor.allSatisfy({ $0.utf8.allSatisfy(Self.isFieldByte) }) else { return client }
    let hops = forwardedFor.flatMap { $0.split(atByte: ",") }.suffix(Self.hopsMax)
    for hop in hops.reversed() {
      guard let address = IPAddress(Self.withoutPort(hop))?.unmapped else { return client }
      client = address
      if !trusts(address) { return client }
    }
    return client
  }

  /// Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`.
  private static func withoutPort(_ hop: Substring) -> String {
    let text = hop.trimmingBlanks().utf8
    if text.first == UInt8(ascii: "[") {
      return String(Substring(text.dropFirst().prefix { $0 != UInt8(ascii: "]") }))
    }
    guard text.count(where: { $0 == UInt8(ascii: ":") }) == 1 else { return String(text) }
    return String(Substring(text.prefix { $0 != UInt8(ascii: ":") }))
  }

  /// Visible ASCII, space and tab.
  private static func isFieldByte(_ byte: UInt8) -> Bool {
    (0x20...0x7E).contains(byte) || byte == UInt8(ascii: "\t")
  }
}
