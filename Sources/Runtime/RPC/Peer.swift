/// Who is at the other end of a connection; one object for all of its calls.
package final class Peer: Sendable {
  /// E.g. `127.0.0.1:51934`; for logs.
  package let address: String
  /// URI subject alternative names of the verified client certificate, e.g.
  /// `spiffe://chatelaine/gateway`; empty without TLS.
  package let identities: [String]
  /// Whom limits count: the first identity, whatever the peer's connections, else its IP address.
  package let name: String

  package init(address: String, identities: [String] = []) {
    self.address = address
    self.identities = identities
    // The port of an address is another with each connection.
    let host = address.utf8.lastIndex(of: UInt8(ascii: ":")).map { String(address[..<$0]) }
    name = identities.first ?? host ?? address
  }
}
