import Addresses

/// Where attempts come from, as coarse as one customer of a network: an IPv4 address or an IPv6
/// /64, since whoever has one IPv6 address has 2^64 of them.
enum ClientSource: Hashable, Sendable {
  case network(IPAddress)
  /// A caller without an address: a place of its own.
  case other(String)

  /// Takes the text of an address.
  init(_ text: String) {
    guard let address = IPAddress(text)?.unmapped else {
      self = .other(text)
      return
    }
    self = .network(address.isIPv4 ? address : address.network(prefixBits: 64))
  }
}
