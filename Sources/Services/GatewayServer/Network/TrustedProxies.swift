import Addresses

/// The proxies whose word about the client is taken, by address block (TRUSTED_PROXIES).
struct TrustedProxies: Sendable {
  /// Entries of X-Forwarded-For that are looked at, from the right.
  static let hopsMax = 16

  private let blocks: [AddressBlock]

  init(_ blocks: [AddressBlock] = []) {
    self.blocks = blocks
  }

  func trusts(_ address: IPAddress) -> Bool {
    blocks.contains { $0.contains(address.unmapped) }
  }

  /// Who sent the request: the peer itself, or, as far as trusted proxies vouch for it, the last
  /// entry of `forwardedFor` that is not a trusted proxy.
  ///
  /// Read from the right, because a client can put anything on the left.
  func client(peer: IPAddress, forwardedFor: [String]) -> IPAddress {
    guard trusts(peer) else { return peer.unmapped }
    var client = peer.unmapped
    let hops = forwardedFor.flatMap { $0.split(separator: ",") }.suffix(Self.hopsMax)
    for hop in hops.reversed() {
      guard let address = IPAddress(Self.withoutPort(hop))?.unmapped else { return client }
      client = address
      if !trusts(address) { return client }
    }
    return client
  }

  /// Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`.
  private static func withoutPort(_ hop: Substring) -> String {
    let text = hop.drop(while: \.isWhitespace)
    if text.first == "[" { return String(text.dropFirst().prefix { $0 != "]" }) }
    let host = text.prefix { !$0.isWhitespace }
    guard host.filter({ $0 == ":" }).count == 1 else { return String(host) }
    return String(host.prefix { $0 != ":" })
  }
}
