/// Where attempts come from, as coarse as one customer of a network: an IPv4 address or an IPv6 /64,
/// since whoever has one IPv6 address has 2^64 of them.
struct ClientSource: Hashable, Sendable {
  private let text: String

  /// Takes the text of an address; anything else is a place of its own.
  init(_ address: String) {
    let address = address.lowercased()
    guard address.contains(":") else {
      text = address
      return
    }
    if address.contains("."), let colon = address.lastIndex(of: ":") {
      // `::ffff:192.0.2.1`: an IPv4 client of a socket for both.
      text = String(address[address.index(after: colon)...])
      return
    }
    text = Self.network(address) ?? address
  }

  /// The first four groups without leading zeros; nil unless there are eight groups.
  private static func network(_ address: String) -> String? {
    let halves = address.split(separator: "::", omittingEmptySubsequences: false).map {
      $0.split(separator: ":", omittingEmptySubsequences: false).filter { !$0.isEmpty }
    }
    guard halves.count <= 2, let head = halves.first else { return nil }
    let tail = halves.count == 2 ? halves[1] : []
    let zeros = 8 - head.count - tail.count
    guard halves.count == 2 ? zeros >= 1 : zeros == 0 else { return nil }
    let groups = head + Array(repeating: "0", count: zeros) + tail
    let numbers = groups.prefix(4).compactMap { UInt16($0, radix: 16) }
    guard numbers.count == 4 else { return nil }
    return numbers.map { String($0, radix: 16) }.joined(separator: ":")
  }
}
